// SPDX-License-Identifier: Apache-2.0
// The start and the end of a wait for the cache.
#pragma once

#include "cache/api/requester.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/request/options.h"
#include "proxy/registry/request/via.h"

namespace entrepot::registry {

/// The call of an exchange. REQUIRES: Handler::handle() has attached it.
inline Call& call_of(const http::Exchange& exchange) {
  return *static_cast<Call*>(exchange.attachment.get());
}

/// Call it before fetch_*. Prepares the log entry of a client that disconnects before the answer.
/// Returns false, after sending an error reply, if the client has reached its limit of concurrent
/// misses.
bool begin_wait(http::Exchange& exchange, Call& call);

/// The client for the cache.
inline cache::Client client_of(const http::Exchange& exchange) {
  return cache::Client{exchange.client().value()};
}

/// The requester for fetch_*.
inline cache::Requester requester_of(const http::Exchange& exchange, const Call& call) {
  cache::Requester requester{exchange.executor(),
                             forwarded_via(via_of(exchange.request(), call.fields)),
                             client_of(exchange), call.left};
  requester.work = call.work;
  return requester;
}

/// For the callback of fetch_*: the call to answer, or null if the client has disconnected.
inline Call* waiting_call(const http::Exchange& exchange) {
  return exchange.closed() ? nullptr : &call_of(exchange);
}

}  // namespace entrepot::registry
