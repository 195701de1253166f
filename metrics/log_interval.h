// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

namespace entrepot::log {

/// Lets one log line a minute through. Any thread.
class LogInterval {
 public:
  /// True at most once a minute: the caller logs now.
  bool take() {
    const auto now = Clock::now().time_since_epoch();
    Clock::rep last = last_.load(std::memory_order_relaxed);
    if (last != 0 && now - Clock::duration(last) < std::chrono::minutes(1)) return false;
    return last_.compare_exchange_strong(last, now.count(), std::memory_order_relaxed);
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<Clock::rep> last_{0};  // on Clock; 0: never
};

}  // namespace entrepot::log
