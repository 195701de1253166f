// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "cache/api/requester.h"
#include "proxy/http/exchange.h"

namespace entrepot::admin {

/// The sender of a request, as far as AdminGuard knows it; attached to the exchange. Control loop
/// only.
struct AdminCall {
  std::shared_ptr<cache::Left> left;  ///< of a login that is being verified; null without one
  std::string by;  ///< of a request that may change something: "user alice, 10.0.0.7"

  /// Attaches one if the exchange has none.
  static AdminCall& of(http::Exchange& exchange) {
    if (exchange.attachment == nullptr) exchange.attachment = std::make_shared<AdminCall>();
    return *static_cast<AdminCall*>(exchange.attachment.get());
  }
};

}  // namespace entrepot::admin
