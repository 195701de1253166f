// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"
#include "proxy/registry/options.h"
#include "proxy/registry/referrers_page.h"
#include "proxy/registry/store.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/referrers/<digest>[?artifactType=&last=]` (distribution-spec, "Listing
/// Referrers"). The cache knows all referrers; filters are applied and pages are cut here. Constant
/// after construction; each call on the exchange's loop.
class ReferrersHandler {
 public:
  /// Both outlive the handler.
  ReferrersHandler(Store& store, const Options& options) : store_(store), options_(options) {}

  /// Replies now, or when the store has posted its answer. `call` has passed select_target().
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void answer(http::Exchange& exchange, Call& call, const ReferrersRequest& request,
              const cache::ListingAnswer& answer) const;

  Store& store_;
  const Options& options_;
};

}  // namespace entrepot::registry
