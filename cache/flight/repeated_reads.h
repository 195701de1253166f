// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "cache/base/client.h"
#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "cache/base/recent_times.h"

namespace entrepot::cache {

/// Finds the stored blobs whose bytes may have changed on the disk, by what clients do: an engine
/// compares a blob with its digest, and requests it again if they differ. Says which requests have
/// to wait for a comparison here: one soon after the same client has received the whole blob, and
/// the second one that comes later within a day. Engines that remove and pull images all the time
/// cost one comparison per blob and period. Remembers the last few thousand deliveries and may
/// forget one early. Thread-safe, lock-free.
class RepeatedReads {
 public:
  static constexpr std::chrono::seconds soon = std::chrono::minutes(10);
  static constexpr std::chrono::seconds later = std::chrono::hours(24);
  /// A comparison holds for `soon` after a delivery, and for this time otherwise.
  static constexpr std::chrono::seconds holds_for = std::chrono::hours(6);

  /// `client` has received all bytes of the blob. `now`: steady clock, as below.
  void delivered(Client client, const Digest& digest, SteadyTime now) {
    deliveries_.note(key(client, digest), now);
  }
  /// `client` requests all bytes of the blob. True: they have to be verified first.
  bool suspicious(Client client, const Digest& digest, SteadyTime now) {
    const auto age = deliveries_.age(key(client, digest), now);
    if (!age || *age >= later) return false;
    const std::uint64_t blob = digest.hash();
    if (*age < soon) return begin_comparison(blob, soon, now);
    const bool second = repeats_.within(later, blob, now);
    repeats_.note(blob, now);
    return second && begin_comparison(blob, holds_for, now);
  }

 private:
  static std::uint64_t key(Client client, const Digest& digest) {
    // Multiplied, because clients may have small values, and the upper bits tell keys apart.
    return digest.hash() ^ (static_cast<std::uint64_t>(client) * 0x9e3779b97f4a7c15U);
  }
  /// False if the last one still holds.
  bool begin_comparison(std::uint64_t blob, std::chrono::seconds holds, SteadyTime now) {
    if (comparisons_.within(holds, blob, now)) return false;
    comparisons_.note(blob, now);
    return true;
  }

  RecentTimes<16384> deliveries_;
  RecentTimes<4096> repeats_;  ///< by blob: the last request that came later
  RecentTimes<4096> comparisons_;
};

}  // namespace entrepot::cache
