// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/simulator.h"

#include "tests/bench/eviction/waiting.h"

namespace entrepot::bench {
namespace {

/// The share of the trace that fills the cache: played but not counted.
constexpr double warm_up = 0.2;
/// The cache keeps no object larger than capacity / largest_part, whatever the policy; such an
/// object only streams through.
constexpr std::uint64_t largest_part = 4;

class Cache {
 public:
  Cache(const Trace& trace, std::uint64_t capacity, Policy& policy)
      : trace_(trace), capacity_(capacity), policy_(policy), kept_(trace.sizes.size()) {}

  bool request(std::size_t at) {
    const Object object = trace_.requests[at];
    if (kept_[object]) {
      policy_.use(at, object);
      return true;
    }
    fetch(at, object);
    return false;
  }

 private:
  void fetch(std::size_t at, Object object) {
    const std::uint64_t size = trace_.sizes[object];
    if (size > capacity_ / largest_part) return;
    if (used_ + size > capacity_ && !policy_.displaces(at, object)) return;
    while (used_ + size > capacity_) {
      const Object victim = policy_.evict(at);
      kept_[victim] = false;
      used_ -= trace_.sizes[victim];
    }
    policy_.admit(at, object);
    kept_[object] = true;
    used_ += size;
  }

  const Trace& trace_;
  const std::uint64_t capacity_;
  Policy& policy_;
  std::vector<bool> kept_;
  std::uint64_t used_ = 0;
};

/// The requests, bytes and waiting times of all requests, or of the hits.
struct Sums {
  double requests = 0, bytes = 0, wait = 0;
  void add(std::uint64_t size) {
    ++requests;
    bytes += static_cast<double>(size);
    wait += waiting(size);
  }
};

}  // namespace

Score simulate(const Trace& trace, std::uint64_t capacity, Policy& policy) {
  Cache cache(trace, capacity, policy);
  const auto counted =
      static_cast<std::size_t>(static_cast<double>(trace.requests.size()) * warm_up);
  Sums all, hits;
  for (std::size_t at = 0; at < trace.requests.size(); ++at) {
    const bool hit = cache.request(at);
    if (at < counted) continue;
    const std::uint64_t size = trace.sizes[trace.requests[at]];
    all.add(size);
    if (hit) hits.add(size);
  }
  return {100 * hits.requests / all.requests, 100 * hits.bytes / all.bytes,
          100 * hits.wait / all.wait};
}

}  // namespace entrepot::bench
