// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <vector>

#include "tests/bench/eviction/policy.h"

namespace entrepot::bench {

/// First in, first out; or least recently used, where a use moves the object to the end again.
class Queue : public Policy {
 public:
  enum class Order { arrival, use };
  Queue(const Trace& trace, Order order) : order_(order), places_(trace.sizes.size()) {}

  void use(std::size_t, Object object) override {
    if (order_ == Order::use) queue_.splice(queue_.end(), queue_, places_[object]);
  }
  void admit(std::size_t, Object object) override {
    places_[object] = queue_.insert(queue_.end(), object);
  }
  Object evict(std::size_t) override {
    const Object victim = queue_.front();
    queue_.pop_front();
    return victim;
  }

 private:
  const Order order_;
  std::list<Object> queue_;
  std::vector<std::list<Object>::iterator> places_;
};

}  // namespace entrepot::bench
