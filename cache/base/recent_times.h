// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "cache/base/clock.h"

namespace entrepot::cache {

/// When the last `size` events happened, by the hash of their subject. May forget one early, since
/// two subjects may share a slot. After half a year an old time may look recent, because times wrap
/// around. Thread-safe, lock-free, 8 bytes an event.
template <std::size_t size>
class RecentTimes {
 public:
  /// Time since the last note() of this subject; nullopt if it is not remembered. `now`: steady
  /// clock.
  std::optional<std::chrono::seconds> age(std::uint64_t hash, SteadyTime now) const {
    const auto last = slots_[hash % size].load(std::memory_order_relaxed);
    if (last == 0 || ((last ^ hash) & ~time_mask) != 0) return std::nullopt;
    return std::chrono::seconds((seconds_of(now) - last) & time_mask);
  }
  /// True if the last note() is less than `period` ago.
  bool within(std::chrono::seconds period, std::uint64_t hash, SteadyTime now) const {
    const auto since = age(hash, now);
    return since && *since < period;
  }
  void note(std::uint64_t hash, SteadyTime now) {
    slots_[hash % size].store((hash & ~time_mask) | (seconds_of(now) & time_mask),
                              std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint64_t time_mask = (1 << 24) - 1;

  static std::uint64_t seconds_of(SteadyTime now) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  }

  /// The upper bits of the hash, and the time.
  std::array<std::atomic<std::uint64_t>, size> slots_{};
};

}  // namespace entrepot::cache
