// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "cache/base/bounded_map.h"
#include "cache/base/client.h"
#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "cache/base/recent_times.h"

namespace entrepot::cache {

/// Finds the stored blobs whose bytes may have changed on the disk, by what clients do: an engine
/// compares a blob with its digest, and requests it again if they differ. Says which requests have
/// to wait for a comparison here: one soon after the same client has received the whole blob, and
/// the second one that comes later within a day. A comparison, and the one while a blob arrives,
/// holds for `soon`, or `holds_for` if requests come later, so no blob is compared more often.
/// Remembers the last 16,384 deliveries, and may forget one early, and 8,192 blobs. Thread-safe;
/// lock-free unless a blob was delivered to the client before.
class RepeatedReads {
 public:
  static constexpr std::chrono::seconds soon = std::chrono::minutes(10);
  static constexpr std::chrono::seconds later = std::chrono::hours(24);
  static constexpr std::chrono::seconds holds_for = std::chrono::hours(6);

  /// `client` has received all bytes of the blob. `verified`: while they arrived from an upstream
  /// and were compared. `now`: steady clock, as below.
  void delivered(Client client, const Digest& digest, bool verified, SteadyTime now);
  /// `client` requests all bytes of the blob. True: they have to be verified first.
  bool suspicious(Client client, const Digest& digest, SteadyTime now);

 private:
  struct Blob {
    std::optional<SteadyTime> compared;
    std::optional<SteadyTime> repeated;  ///< the last request that came later
  };

  RecentTimes<16384> deliveries_;
  BoundedMap<Digest, Digest, Blob> blobs_{8192};
};

}  // namespace entrepot::cache
