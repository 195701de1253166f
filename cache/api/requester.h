// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "cache/api/fetch_record.h"
#include "cache/base/client.h"
#include "cache/base/executor.h"

namespace entrepot::cache {

/// Set by the thread of the exchange once the client has disconnected or has been answered. Read by
/// the home loop of the request.
using Left = std::atomic<bool>;

/// The origin of a request: the executor that receives the answer, the Via chain, and the client
/// for fair scheduling.
struct Requester {
  // Implicit: few requests come through another mirror.
  Requester(Executor& executor_in, std::string via_in = {}, Client client_in = Client::nobody,
            std::shared_ptr<const Left> left_in = nullptr)
      : executor(&executor_in),
        via(std::move(via_in)),
        client(client_in),
        left(std::move(left_in)) {}

  Executor* executor;
  /// The Via value of the request (RFC 9110 §7.6.3), forwarded to the upstream so that a mirror
  /// detects loops. Usually empty.
  std::string via;
  /// The client that receives the answer.
  Client client;
  /// Additional media types that the client accepts for manifests, as elements of an Accept field,
  /// for registries that select by it. Usually empty.
  std::string accept = {};
  /// Null: the client stays. Shared, because the exchange may be destroyed before the request ends.
  std::shared_ptr<const Left> left;
  /// Gathers what happens upstream for this request, for its line in the access log. Null: nobody
  /// asks. Shared as `left` is.
  std::shared_ptr<WorkForRequest> work = nullptr;
};

}  // namespace entrepot::cache
