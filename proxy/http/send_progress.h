// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace entrepot::http {

/// Decides whether a client takes its reply fast enough to keep its connection: on average
/// least_rate over each period. A deadline that any byte extends would not end a client that takes
/// a byte a minute. One thread.
class SendProgress {
 public:
  using Clock = std::chrono::steady_clock;

  /// Bytes per second; a third of a modem's rate.
  static constexpr std::uint64_t least_rate = 1024;

  explicit SendProgress(std::chrono::milliseconds period)
      : period_(period),
        needed_(static_cast<std::uint64_t>(period.count()) * least_rate / 1000 + 1) {}

  /// Begins a period. `acknowledged`: bytes since the beginning of the reply.
  void begin(Clock::time_point now, std::uint64_t acknowledged) {
    since_ = now;
    from_ = acknowledged;
  }
  /// The client has taken all bytes that there were until now.
  void idle(Clock::time_point now) { since_ = now; }
  /// Whether too_slow() should be called. Its argument costs a system call.
  bool due(Clock::time_point now) const { return now - since_ >= period_ / 4; }
  /// True when a period has passed in which the client took too few bytes.
  bool too_slow(Clock::time_point now, std::uint64_t acknowledged) {
    if (acknowledged < from_ + needed_) return now - since_ >= period_;
    begin(now, acknowledged);
    return false;
  }

 private:
  std::chrono::milliseconds period_;
  std::uint64_t needed_;  // bytes in a period
  Clock::time_point since_;
  std::uint64_t from_ = 0;
};

}  // namespace entrepot::http
