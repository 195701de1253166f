// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace entrepot::upstream {

/// Tells a body that drips or stands still: less than `rate` bytes a second over `span`. Counts in
/// quarters of the span, so that it notices between 1 and 1¼ spans. libcurl's own LOW_SPEED options
/// know whole seconds only. One thread; time comes as ticks from outside.
class StallWatch {
 public:
  StallWatch(std::chrono::milliseconds span, std::uint64_t bytes_per_second)
      : span_(span), least_(bytes_per_second * static_cast<std::uint64_t>(span.count()) / 1000) {}

  /// Time between two ticks.
  std::chrono::milliseconds tick_length() const {
    return std::max(span_ / 4, std::chrono::milliseconds(1));
  }
  void received(std::size_t bytes) { quarters_[at_] += bytes; }
  /// A quarter has passed in which the body was held: the watch restarts.
  void rest() {
    ticks_ = 0;
    quarters_.fill(0);
  }
  /// A quarter has passed: true when the last four had too few bytes.
  bool tick() {
    ++ticks_;
    std::uint64_t sum = 0;
    for (const std::uint64_t quarter : quarters_) sum += quarter;
    at_ = (at_ + 1) % quarters_.size();
    quarters_[at_] = 0;
    return ticks_ >= quarters_.size() && sum < std::max<std::uint64_t>(least_, 1);
  }

 private:
  const std::chrono::milliseconds span_;
  const std::uint64_t least_;
  std::array<std::uint64_t, 4> quarters_{};
  std::size_t at_ = 0;
  std::size_t ticks_ = 0;
};

}  // namespace entrepot::upstream
