// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "proxy/http/request.h"
#include "proxy/registry/call.h"
#include "proxy/registry/error.h"

namespace entrepot::registry {

/// A request that is refused by our own judgement.
struct Refusal {
  Error error;
  std::string_view reason;  ///< log word, static
};

/// Finds the upstream and the repository a request is about (protocol notes 1.0): a configured
/// name as path prefix (`/<p>/v2/…` or `/v2/<p>/…`), else `ns`, else the default. `ns` is a key of
/// the table and nothing more; the Host field says nothing. Reads call.route, sets call.upstream,
/// repository, inserted and ns. Pure but for that; any thread.
std::optional<Refusal> select_target(const UpstreamTable& upstreams, const http::Request& request,
                                     Call& call);

}  // namespace entrepot::registry
