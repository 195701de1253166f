// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "cache/index/eviction.h"
#include "metrics/check.h"
#include "tests/bench/eviction/policy.h"

namespace entrepot::bench {

/// The very code the mirror runs: cache::EvictionPolicy, or one class of it alone.
template <typename Eviction>
class Production : public Policy {
 public:
  Production(const Trace& trace, std::uint64_t capacity)
      : trace_(trace), capacity_(capacity), kept_(trace.sizes.size()) {}

  void use(std::size_t, Object object) override { kept_[object]->use(); }
  void admit(std::size_t, Object object) override {
    // A new entry each time, as in the mirror: no count survives an eviction.
    kept_[object] = std::make_unique<cache::Resident>();
    kept_[object]->fingerprint = object;
    kept_[object]->size = trace_.sizes[object];
    eviction_.admit(*kept_[object]);
  }
  Object evict(std::size_t) override {
    const auto* const victim = eviction_.evict(capacity_, [](const auto&) { return true; });
    check(victim != nullptr, "an object can be evicted");
    const auto object = static_cast<Object>(victim->fingerprint);
    kept_[object].reset();
    return object;
  }

 private:
  const Trace& trace_;
  const std::uint64_t capacity_;
  Eviction eviction_;
  std::vector<std::unique_ptr<cache::Resident>> kept_;
};

}  // namespace entrepot::bench
