// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/object_cache.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/request/options.h"
#include "proxy/registry/request/pagination.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/tags/list[?n=&last=]` (distribution-spec, "Listing Tags"). The cache
/// returns all tags; this class paginates. Constant after construction; each call runs on the loop
/// of the exchange.
class TagsHandler {
 public:
  /// `cache` must outlive the handler.
  explicit TagsHandler(cache::ObjectCache& cache) : cache_(cache) {}

  /// Replies immediately, or when the cache has posted its answer. REQUIRES: select_target() has
  /// accepted `call`.
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void answer(http::Exchange& exchange, Call& call, const PageRequest& request,
              const cache::ListingAnswer& answer) const;

  cache::ObjectCache& cache_;
};

}  // namespace entrepot::registry
