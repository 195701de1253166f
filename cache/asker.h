// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cache/executor.h"

namespace entrepot::cache {

/// Tells clients apart, so that one who asks for much does not keep the others out. Values are only
/// compared.
enum class Client : std::uint64_t { nobody = 0 };

/// Who asks: where the answer is posted to, which mirrors the question has come through, and whose
/// share it takes.
struct Asker {
  // Implicit: nearly nobody comes through another mirror.
  // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions)
  Asker(Executor& executor_in, std::string via_in = {}, Client client_in = Client::nobody)
      : executor(&executor_in), via(std::move(via_in)), client(client_in) {}

  Executor* executor;
  /// The value of its Via (RFC 9110 §7.6.3), for what is asked of the upstream on its behalf: so
  /// that a mirror finds itself in it where endpoints lead in a circle. Usually empty.
  std::string via;
  /// Who is to have the answer.
  Client client;
};

}  // namespace entrepot::cache
