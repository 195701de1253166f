// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <vector>

#include "tests/bench/eviction/policy.h"

namespace entrepot::bench {

/// SIEVE (Zhang et al., NSDI 2024): a queue in which no object moves, and a hand that walks from
/// the oldest to the newest, spares the used once and evicts the first unused.
class Sieve : public Policy {
 public:
  explicit Sieve(const Trace& trace) : used_(trace.sizes.size()) {}

  void use(std::size_t, Object object) override { used_[object] = true; }
  void admit(std::size_t, Object object) override {
    used_[object] = false;
    queue_.push_back(object);
  }
  Object evict(std::size_t) override {
    for (;; ++hand_) {
      if (hand_ == queue_.end()) hand_ = queue_.begin();
      const Object object = *hand_;
      if (!used_[object]) {
        hand_ = queue_.erase(hand_);
        return object;
      }
      used_[object] = false;
    }
  }

 private:
  std::list<Object> queue_;  // oldest first
  std::list<Object>::iterator hand_ = queue_.end();
  std::vector<bool> used_;
};

}  // namespace entrepot::bench
