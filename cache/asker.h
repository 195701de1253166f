// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "cache/client.h"
#include "cache/executor.h"

namespace entrepot::cache {

/// Set once the client has left, or has its answer: by the thread of its exchange; the home of its
/// question looks at it.
using Left = std::atomic<bool>;

/// Who asks: where the answer is posted to, which mirrors the question has come through, and whose
/// share it takes.
struct Asker {
  // Implicit: nearly nobody comes through another mirror.
  // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions)
  Asker(Executor& executor_in, std::string via_in = {}, Client client_in = Client::nobody,
        std::shared_ptr<const Left> left_in = nullptr)
      : executor(&executor_in),
        via(std::move(via_in)),
        client(client_in),
        left(std::move(left_in)) {}

  Executor* executor;
  /// The value of its Via (RFC 9110 §7.6.3), for what is asked of the upstream on its behalf: so
  /// that a mirror finds itself in it where endpoints lead in a circle. Usually empty.
  std::string via;
  /// Who is to have the answer.
  Client client;
  /// Media types it would take besides the usual ones of manifests, as elements of an Accept: for
  /// registries that answer by it. Usually empty.
  std::string accept = {};
  /// Null: it stays. Shared, as its exchange may go before the question.
  std::shared_ptr<const Left> left;
};

}  // namespace entrepot::cache
