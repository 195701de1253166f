// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/upstream/endpoint/backoff.h"
#include "proxy/upstream/endpoint/options.h"

namespace entrepot::upstream {

/// Counts how often a body that broke may be resumed: Limits::resumes times per endpoint, counted
/// again from 0 after each Limits::resume_progress bytes. Pure; one thread.
class ResumeBudget {
 public:
  /// `offset`: where the body begins. `seed` is for jitter.
  ResumeBudget(const Limits& limits, std::size_t endpoints, std::uint64_t offset,
               std::uint64_t seed)
      : most_(limits.resumes * static_cast<int>(endpoints)),
        progress_(limits.resume_progress),
        counted_from_(offset),
        random_(seed) {}

  /// The body has all bytes below `delivered`. True when that is enough progress to count again
  /// from 0.
  bool progressed(std::uint64_t delivered) {
    if (delivered - counted_from_ < progress_) return false;
    counted_from_ = delivered;
    used_ = 0;
    return true;
  }
  /// Uses one resume. False when none is left.
  bool take() { return ++used_ <= most_; }
  /// The wait before a resume from the same endpoints. `circuit`: when an open circuit may let a
  /// request through.
  std::chrono::milliseconds wait(const Timeouts& timeouts,
                                 std::optional<std::chrono::milliseconds> circuit) {
    const auto backoff =
        backoff_delay(used_, timeouts.backoff_first, timeouts.backoff_longest, random_);
    return circuit ? std::max(backoff, std::min(*circuit, longest_circuit_wait)) : backoff;
  }

  /// A resume does not wait longer than this for a circuit to close.
  static constexpr std::chrono::milliseconds longest_circuit_wait{std::chrono::seconds(10)};

 private:
  const int most_;
  const std::uint64_t progress_;  ///< bytes
  std::uint64_t counted_from_;    ///< offset
  int used_ = 0;
  std::uint64_t random_;
};

}  // namespace entrepot::upstream
