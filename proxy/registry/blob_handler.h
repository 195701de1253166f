// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"
#include "proxy/registry/options.h"
#include "proxy/registry/range.h"
#include "proxy/registry/store.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/blobs/<digest>` with ranges (protocol notes 1.5, 1.11). A range of a
/// blob that is still arriving is 206 as well: its size is known, and its bytes go out when they
/// are released. Constant after construction; each call on the exchange's loop.
class BlobHandler {
 public:
  /// Both outlive the handler.
  BlobHandler(Store& store, const Options& options) : store_(store), options_(options) {}

  /// Replies now, or when the store has posted its answer. `call` has passed select_target().
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void answer(http::Exchange& exchange, Call& call, const cache::Answer& answer) const;
  void send_pieces(http::Exchange& exchange, const http::ReplyHead& head,
                   const std::shared_ptr<const cache::Content>& content, http::Pieces pieces) const;

  Store& store_;
  const Options& options_;
};

}  // namespace entrepot::registry
