// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/object_cache.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/request/options.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/manifests/<tag-or-digest>` (distribution-spec, "Pulling manifests"). Range
/// is ignored: a manifest is always sent completely. Constant after construction; each call runs on
/// the loop of the exchange.
class ManifestHandler {
 public:
  /// `cache` must outlive the handler.
  explicit ManifestHandler(cache::ObjectCache& cache) : cache_(cache) {}

  /// Replies immediately, or when the cache has posted its answer. REQUIRES: select_target() has
  /// accepted `call`.
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void handle_digest(const http::ExchangePtr& exchange, Call& call) const;
  void handle_tag(const http::ExchangePtr& exchange, Call& call) const;
  void answer(http::Exchange& exchange, Call& call, const cache::Answer& answer) const;
  cache::AnswerCallback reply_when_done(const http::ExchangePtr& exchange) const;

  cache::ObjectCache& cache_;
};

}  // namespace entrepot::registry
