// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "cache/base/clock.h"
#include "cache/base/digest.h"

namespace entrepot::cache {

/// Blobs that were recently read by range. A thousand successive ranges of one blob count as one
/// use; otherwise lazily read blobs would displace all others. Remembers the last few thousand
/// blobs and may forget one early. Thread-safe, lock-free.
class RangedUses {
 public:
  static constexpr std::chrono::seconds once_in{60};

  /// True if this read counts as a use. `now`: steady clock.
  bool counts(const Digest& digest, SteadyTime now) const {
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    const std::uint64_t hash = digest.hash();
    auto& slot = slots_[hash % slots_.size()];
    const auto last = slot.load(std::memory_order_relaxed);
    const auto age = (seconds - last) & time_mask;
    const auto window = static_cast<std::uint64_t>(once_in.count());
    if (last != 0 && ((last ^ hash) & ~time_mask) == 0 && age < window) return false;
    slot.store((hash & ~time_mask) | (seconds & time_mask), std::memory_order_relaxed);
    return true;
  }

 private:
  // seconds; wraps around after half a year
  static constexpr std::uint64_t time_mask = (1 << 24) - 1;
  /// The upper bits of the digest's hash, and the time.
  mutable std::array<std::atomic<std::uint64_t>, 4096> slots_{};
};

}  // namespace entrepot::cache
