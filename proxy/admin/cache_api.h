// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cache/upkeep/cache_admin.h"
#include "proxy/http/parse/request.h"

namespace entrepot::admin {

/// An answer of the admin API: JSON, ended by a line break.
struct ApiAnswer {
  int status = 200;
  std::string body;
  /// The change that the request has made, for the log, such as "pinned library/*"; empty: nothing.
  std::string change = {};
};

/// The operations of `entrepot cache`. A running process serves them on its admin listener; the
/// command line runs them itself on the cache of a stopped one:
///
///   GET    /api/v1/cache                                  sizes and counts
///   GET    /api/v1/cache/objects?from=F&limit=N           a piece of the list, and `next`
///   GET    /api/v1/cache/images?pattern=P&from=F&limit=N  a piece of the list of tags, and `next`
///   POST   /api/v1/cache/verify?from=F&repair=true        a piece of the check, and `next`
///   DELETE /api/v1/cache/objects/DIGEST
///   DELETE /api/v1/cache/repositories/UPSTREAM/REPOSITORY[?tag=TAG]
///   GET    /api/v1/cache/pins
///   PUT    /api/v1/cache/pins?pattern=P                   and DELETE
///
/// `path` and `query` without the question mark; nothing in a query needs encoding. May block:
/// store pool. Errors are {"error": "…"} with 400, 404, 405, 409 or 503.
ApiAnswer answer_cache_api(cache::CacheAdmin& inspection, http::Method method,
                           std::string_view path, std::string_view query);

}  // namespace entrepot::admin
