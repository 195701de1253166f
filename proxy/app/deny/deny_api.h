// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/cache_api.h"
#include "proxy/app/deny/denial_pattern.h"
#include "proxy/app/deny/denial_store.h"
#include "proxy/http/parse/request.h"

namespace entrepot::app {

inline constexpr std::string_view deny_path = "/api/v1/deny";

/// A request to /api/v1/deny.
struct DenyRequest {
  http::Method method = http::Method::get;
  std::string query;  ///< `pattern` and `reason`, percent-encoded
  std::string by;     ///< the client, safe for a terminal; at most 256 bytes count
  std::vector<DenialUpstream> upstreams;  ///< the configured ones
};

/// The operations of `entrepot deny`. Each answers with all denials:
///
///   GET    /api/v1/deny
///   POST   /api/v1/deny?pattern=P&reason=TEXT
///   DELETE /api/v1/deny?pattern=P
///
/// A second POST with another reason replaces the reason. May block: admin pool. Errors are
/// {"error": "…"} with 400, 404, 405, 409 or 503.
admin::ApiAnswer answer_deny_api(DenialStore& store, const DenyRequest& request);

}  // namespace entrepot::app
