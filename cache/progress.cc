// SPDX-License-Identifier: Apache-2.0
#include "cache/progress.h"

#include <utility>

#include "metrics/check.h"

namespace entrepot::cache {

std::uint64_t Progress::readable(std::uint64_t offset, Reach reach) const {
  const auto released = released_.load(std::memory_order_acquire);
  if (offset < released) return released;
  const std::lock_guard lock(mutex_);
  return readable_beyond(offset, reach);
}

std::uint64_t Progress::readable_beyond(std::uint64_t offset, Reach reach) const {
  const auto end = std::max(beyond_.end_from(offset), released_.load(std::memory_order_acquire));
  const bool all = reach == Reach::pieces || state() == State::whole;
  return std::max(offset, all ? end : std::min(end, open_));
}

void Progress::wait(std::uint64_t offset, Reach reach, Executor& executor, Job wake) {
  {
    const std::lock_guard lock(mutex_);
    // Read under the lock: the writer changes the numbers first and takes the waiters second, so
    // whoever is added here before it looks will be found by it.
    if (readable_beyond(offset, reach) <= offset && state() == State::growing) {
      waiters_.push_back({offset, reach, &executor, std::move(wake)});
      return;
    }
  }
  executor.post(std::move(wake));
}

void Progress::release(std::uint64_t arrived) {
  const auto released = std::min(arrived, open_);
  check(released >= released_.load(std::memory_order_relaxed) && arrived <= size_,
        "progress only grows, up to the size");
  released_.store(released, std::memory_order_release);
  if (arrived > open_) return release(Span{open_, arrived});
  wake_all();
}

void Progress::release(const Span& span) {
  {
    const std::lock_guard lock(mutex_);
    beyond_.add(span);
  }
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
    std::vector<Waiter> still;
    for (auto& waiter : waiters_) {
      const bool ready = ended || readable_beyond(waiter.offset, waiter.reach) > waiter.offset;
      (ready ? woken : still).push_back(std::move(waiter));
    }
    waiters_.swap(still);
  }
  for (auto& waiter : woken) waiter.executor->post(std::move(waiter.wake));
}

}  // namespace entrepot::cache
