// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "cache/executor.h"

namespace entrepot::cache {

/// Who asks: where the answer is posted to, and which mirrors the question has come through.
struct Asker {
  // Implicit: nearly nobody comes through another mirror.
  // NOLINTNEXTLINE(google-explicit-constructor,hicpp-explicit-conversions)
  Asker(Executor& executor_in, std::string via_in = {})
      : executor(&executor_in), via(std::move(via_in)) {}

  Executor* executor;
  /// The value of its Via (RFC 9110 §7.6.3), for what is asked of the upstream on its behalf: so
  /// that a mirror finds itself in it where endpoints lead in a circle. Usually empty.
  std::string via;
};

}  // namespace entrepot::cache
