// SPDX-License-Identifier: Apache-2.0
// The two ends of waiting for the store.
#pragma once

#include "proxy/http/exchange.h"
#include "proxy/registry/call.h"

namespace entrepot::registry {

/// The exchange's call. Handler::handle() has attached it.
inline Call& call_of(const http::Exchange& exchange) {
  return *static_cast<Call*>(exchange.attachment.get());
}

/// Before fetch_*: what the log shall say of a client that leaves before the answer comes.
inline void begin_wait(Call& call) {
  call.outcome = metrics::Outcome::miss;
  call.reason = "client-left";
}

/// In the callback of fetch_*: the call to answer, or null when its client is gone.
inline Call* waiting_call(const http::Exchange& exchange) {
  return exchange.closed() ? nullptr : &call_of(exchange);
}

}  // namespace entrepot::registry
