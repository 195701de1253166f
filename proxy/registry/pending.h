// SPDX-License-Identifier: Apache-2.0
// The two ends of waiting for the store.
#pragma once

#include "cache/asker.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"
#include "proxy/registry/options.h"
#include "proxy/registry/via.h"

namespace entrepot::registry {

/// The exchange's call. Handler::handle() has attached it.
inline Call& call_of(const http::Exchange& exchange) {
  return *static_cast<Call*>(exchange.attachment.get());
}

/// Before fetch_*: notes what the log shall say of a client that leaves before the answer comes.
/// False: this client has as many misses under way as one may, and has been told.
bool begin_wait(http::Exchange& exchange, Call& call);

/// On whose behalf fetch_* asks, and where it answers.
inline cache::Asker asker_of(const Options& options, const http::Exchange& exchange,
                             const Call& call) {
  return {options.executor_of(exchange), passed_on(via_of(exchange.request(), call.fields)),
          cache::Client{exchange.client().value()}, call.left};
}

/// In the callback of fetch_*: the call to answer, or null when its client is gone.
inline Call* waiting_call(const http::Exchange& exchange) {
  return exchange.closed() ? nullptr : &call_of(exchange);
}

}  // namespace entrepot::registry
