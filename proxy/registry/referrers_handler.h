// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/object_cache.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/referrers_page.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/request/options.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/referrers/<digest>[?artifactType=&last=]` (distribution-spec, "Listing
/// Referrers"). The cache returns all referrers; this class filters and paginates. Constant after
/// construction; each call runs on the loop of the exchange.
class ReferrersHandler {
 public:
  /// `cache` must outlive the handler.
  explicit ReferrersHandler(cache::ObjectCache& cache) : cache_(cache) {}

  /// Replies immediately, or when the cache has posted its answer. REQUIRES: select_target() has
  /// accepted `call`.
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void answer(http::Exchange& exchange, Call& call, const ReferrersRequest& request,
              const cache::ListingAnswer& answer) const;

  cache::ObjectCache& cache_;
};

}  // namespace entrepot::registry
