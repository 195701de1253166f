// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/waiting.h"

namespace entrepot::bench {

/// Greedy-Dual-Size-Frequency (Cherkasova, 1998): evicts the object with the least uses × cost /
/// size. This value becomes the age from which all later objects start.
class Gdsf : public Policy {
 public:
  /// The cost of a miss: the same for all (then only requests count), or the client's waiting.
  enum class Cost { one, wait };
  Gdsf(const Trace& trace, Cost cost)
      : trace_(trace), cost_(cost), uses_(trace.sizes.size()), worth_(trace.sizes.size()) {}

  void use(std::size_t, Object object) override {
    order_.erase({worth_[object], object});
    ++uses_[object];
    insert(object);
  }
  void admit(std::size_t, Object object) override {
    uses_[object] = 1;
    insert(object);
  }
  Object evict(std::size_t) override {
    const auto [worth, victim] = *order_.begin();
    order_.erase(order_.begin());
    age_ = worth;
    return victim;
  }

 private:
  void insert(Object object) {
    const auto size = trace_.sizes[object];
    const double cost = cost_ == Cost::one ? 1 : waiting(size);
    worth_[object] = age_ + uses_[object] * cost / static_cast<double>(size);
    order_.insert({worth_[object], object});
  }

  const Trace& trace_;
  const Cost cost_;
  double age_ = 0;
  std::vector<std::uint32_t> uses_;
  std::vector<double> worth_;
  std::set<std::pair<double, Object>> order_;
};

}  // namespace entrepot::bench
