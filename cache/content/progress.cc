// SPDX-License-Identifier: Apache-2.0
#include "cache/content/progress.h"

#include <utility>

#include "metrics/check.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

std::uint64_t Progress::readable(std::uint64_t offset, ReadPolicy policy) const {
  const auto released = released_.load(std::memory_order_acquire);
  if (offset < released) return released;
  const MutexLock lock(mutex_);
  return readable_locked(offset, policy);
}

std::uint64_t Progress::readable_locked(std::uint64_t offset, ReadPolicy policy) const {
  const auto end = std::max(extra_.end_from(offset), released_.load(std::memory_order_acquire));
  const bool all = policy == ReadPolicy::pieces || state() == State::whole;
  return std::max(offset, all ? end : std::min(end, tail_begin_));
}

void Progress::wait(std::uint64_t offset, ReadPolicy policy, Executor& executor, Job wake) {
  {
    const MutexLock lock(mutex_);
    // Checked under the lock. The writer first changes the numbers and then collects the waiters,
    // so it finds each waiter that was added before it looked.
    if (readable_locked(offset, policy) <= offset && state() == State::growing) {
      waiters_.push_back({offset, policy, &executor, std::move(wake)});
      return;
    }
  }
  executor.post(std::move(wake));
}

void Progress::release(std::uint64_t arrived) {
  const auto released = std::min(arrived, tail_begin_);
  check(released >= released_.load(std::memory_order_relaxed) && arrived <= size_,
        "progress only grows, up to the size");
  released_.store(released, std::memory_order_release);
  if (arrived > tail_begin_) return release(Span{tail_begin_, arrived});
  wake_all();
}

void Progress::release(const Span& span) {
  {
    const MutexLock lock(mutex_);
    extra_.add(span);
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
    const MutexLock lock(mutex_);
    if (waiters_.empty()) return;
    const bool ended = state() != State::growing;
    std::vector<Waiter> still;
    for (auto& waiter : waiters_) {
      const bool ready = ended || readable_locked(waiter.offset, waiter.policy) > waiter.offset;
      (ready ? woken : still).push_back(std::move(waiter));
    }
    waiters_.swap(still);
  }
  for (auto& waiter : woken) waiter.executor->post(std::move(waiter.wake));
}

}  // namespace entrepot::cache
