// SPDX-License-Identifier: Apache-2.0
#include "cache/progress.h"

#include <utility>

#include "metrics/check.h"

namespace entrepot::cache {

void Progress::wait(std::uint64_t seen, Executor& executor, Job wake) {
  {
    const std::lock_guard lock(mutex_);
    // Read under the lock: the writer changes the numbers first and takes the waiters second, so
    // whoever is added here before it looks will be found by it.
    if (released() <= seen && state() == State::growing) {
      waiters_.push_back({seen, &executor, std::move(wake)});
      return;
    }
  }
  executor.post(std::move(wake));
}

void Progress::release(std::uint64_t released) {
  check(released >= released_.load(std::memory_order_relaxed) && released <= size_,
        "progress only grows, up to the size");
  released_.store(released, std::memory_order_release);
  wake_all();
}

void Progress::finish(State final_state) {
  if (final_state == State::whole) released_.store(size_, std::memory_order_release);
  state_.store(final_state, std::memory_order_release);
  wake_all();
}

void Progress::wake_all() {
  std::vector<Waiter> woken;
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty()) return;
    const bool ended = state() != State::growing;
    const std::uint64_t now = released();
    std::vector<Waiter> still;
    for (auto& waiter : waiters_) {
      (ended || now > waiter.seen ? woken : still).push_back(std::move(waiter));
    }
    waiters_.swap(still);
  }
  for (auto& waiter : woken) waiter.executor->post(std::move(waiter.wake));
}

}  // namespace entrepot::cache
