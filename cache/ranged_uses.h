// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "cache/clock.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// Which blobs were lately read by range: a thousand ranges of one blob in a row are one use of it,
/// or lazily read blobs would push out all others. Remembers the last few thousand, and may forget
/// one early. Any thread, without a lock.
class RangedUses {
 public:
  static constexpr std::chrono::seconds once_in{60};

  /// Whether this read is a use. `now` of the steady clock.
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
  static constexpr std::uint64_t time_mask = (1 << 24) - 1;  // seconds, for half a year
  /// The upper bits of the digest's hash, and when.
  mutable std::array<std::atomic<std::uint64_t>, 4096> slots_{};
};

}  // namespace entrepot::cache
