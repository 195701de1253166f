// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/object_cache.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/request/options.h"
#include "proxy/registry/request/range.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/blobs/<digest>` (distribution-spec, "Pulling blobs") with ranges (RFC 9110
/// §14). A range of a growing blob is answered 206 as well: its size is known, and its bytes are
/// sent as they are released. Constant after construction; each call runs on the loop of the
/// exchange.
class BlobHandler {
 public:
  /// `cache` must outlive the handler.
  explicit BlobHandler(cache::ObjectCache& cache) : cache_(cache) {}

  /// Replies immediately, or when the cache has posted its answer. REQUIRES: select_target() has
  /// accepted `call`.
  void handle(const http::ExchangePtr& exchange, Call& call) const;
  /// The reply to a request for a blob has ended.
  void finished(const Call& call, const http::ReplyStats& stats) const;

 private:
  void answer(http::Exchange& exchange, Call& call, const cache::Answer& answer) const;
  void send_pieces(http::Exchange& exchange, const http::ReplyHead& head,
                   const std::shared_ptr<const cache::Content>& content, http::Pieces pieces) const;

  cache::ObjectCache& cache_;
};

}  // namespace entrepot::registry
