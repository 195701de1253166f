// SPDX-License-Identifier: Apache-2.0
#include "cache/space/eviction_report.h"

#include <string_view>

namespace entrepot::cache {
namespace {

using metrics::EvictionReason;

std::string_view cause_of(EvictionReason reason) {
  switch (reason) {
    case EvictionReason::size:
      return "cache.max_size is reached";
    case EvictionReason::reserve:
      return "the file system has less free than cache.reserve_free, or few free inodes";
    case EvictionReason::corrupt:
    case EvictionReason::deleted:
      break;
  }
  return to_string(reason);
}

}  // namespace

void EvictionReport::add(EvictionReason reason, std::uint64_t bytes) {
  Sum& sum = sums_[metrics::index_of(reason)];
  sum.objects.fetch_add(1, std::memory_order_relaxed);
  sum.bytes.fetch_add(bytes, std::memory_order_relaxed);
}

std::vector<std::string> EvictionReport::take() {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const auto objects = sums_[i].objects.exchange(0, std::memory_order_relaxed);
    const auto bytes = sums_[i].bytes.exchange(0, std::memory_order_relaxed);
    if (objects == 0) continue;
    std::string line =
        "evicted " + std::to_string(objects) + (objects == 1 ? " object" : " objects");
    line.append(" (").append(std::to_string(bytes)).append(" bytes): ");
    lines.push_back(line.append(cause_of(static_cast<EvictionReason>(i))));
  }
  return lines;
}

}  // namespace entrepot::cache
