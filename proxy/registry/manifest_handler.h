// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"
#include "proxy/registry/options.h"
#include "proxy/registry/store.h"

namespace entrepot::registry {

/// `GET|HEAD /v2/<name>/manifests/<tag-or-digest>` (protocol notes 1.3, 1.4, 1.11). Range is
/// ignored: a manifest is always sent whole. Constant after construction; each call on the
/// exchange's loop.
class ManifestHandler {
 public:
  /// Both outlive the handler.
  ManifestHandler(Store& store, const Options& options) : store_(store), options_(options) {}

  /// Replies now, or when the store has posted its answer. `call` has passed select_target().
  void handle(const http::ExchangePtr& exchange, Call& call) const;

 private:
  void ask_by_digest(const http::ExchangePtr& exchange, Call& call) const;
  void ask_by_tag(const http::ExchangePtr& exchange, Call& call) const;
  void answer(http::Exchange& exchange, Call& call, const cache::Answer& answer) const;
  cache::AnswerCallback later(const http::ExchangePtr& exchange) const;

  Store& store_;
  const Options& options_;
};

}  // namespace entrepot::registry
