// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "cache/base/recent_times.h"

namespace entrepot::cache {

/// Blobs that were recently read by range. A thousand successive ranges of one blob count as one
/// use; otherwise lazily read blobs would displace all others. Remembers the last few thousand
/// blobs and may forget one early. Thread-safe, lock-free.
class RangedUses {
 public:
  static constexpr std::chrono::seconds once_in{60};

  /// True if this read counts as a use. `now`: steady clock.
  bool counts(const Digest& digest, SteadyTime now) {
    if (times_.within(once_in, digest.hash(), now)) return false;
    times_.note(digest.hash(), now);
    return true;
  }

 private:
  RecentTimes<4096> times_;
};

}  // namespace entrepot::cache
