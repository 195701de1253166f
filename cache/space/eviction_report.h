// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "metrics/reasons.h"

namespace entrepot::cache {

/// Sums of evictions, for a line of the log now and then instead of one per object. Thread-safe.
class EvictionReport {
 public:
  void add(metrics::EvictionReason reason, std::uint64_t bytes);
  /// A line for each reason with the evictions since the last call, such as "evicted 12 objects
  /// (34567890 bytes): cache.max_size is reached".
  std::vector<std::string> take();

 private:
  struct Sum {
    std::atomic<std::uint64_t> objects{0}, bytes{0};
  };
  std::array<Sum, metrics::count_of<metrics::EvictionReason>> sums_{};
};

}  // namespace entrepot::cache
