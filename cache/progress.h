// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "cache/executor.h"
#include "cache/extents.h"

namespace entrepot::cache {

/// What of a growing object may be read, and who waits for more. Shared by the fill that writes it
/// (fetch loop) and the bodies that follow it (serve loops): the only thing they share.
/// Data goes through the file; only progress is told (no queue per reader, so no reader slows the
/// fill). Every method may be called on any thread.
class Progress {
 public:
  enum class State : std::uint8_t {
    growing,
    whole,   ///< proven; everything is released
    failed,  ///< nothing more will come: cut the reply short
  };

  /// Whoever takes the whole object, or all of it from somewhere on, gets its last bytes when the
  /// digest is proven: what is cut short is not mistaken for the object. Whoever takes pieces
  /// checks them by digests of its own, and gets whatever is there.
  enum class Reach : std::uint8_t { proven, pieces };

  /// `size` of the whole object; `tail` of its end is for Reach::pieces only, until it is proven.
  Progress(std::uint64_t size, std::uint64_t tail = 0)
      : size_(size), open_(size - std::min(size, tail)) {}

  std::uint64_t size() const { return size_; }
  /// The end of what may go out from `offset` on; `offset` itself where that is nothing.
  std::uint64_t readable(std::uint64_t offset, Reach reach) const;
  State state() const { return state_.load(std::memory_order_acquire); }

  /// Posts `wake` to `executor`, once, as soon as `offset` is readable or the state is no longer
  /// growing (at once where that is so already). `wake` must cope with its owner being gone.
  void wait(std::uint64_t offset, Reach reach, Executor& executor, Job wake);

  /// The fill's side: bytes [0, arrived) are in the file. Never shrinks.
  void release(std::uint64_t arrived);
  /// These are as well.
  void release(const Span& span);
  void finish(State final_state);

 private:
  struct Waiter {
    std::uint64_t offset;
    Reach reach;
    Executor* executor;
    Job wake;
  };
  std::uint64_t readable_beyond(std::uint64_t offset, Reach reach) const;
  void wake_all();

  const std::uint64_t size_;
  const std::uint64_t open_;
  std::atomic<std::uint64_t> released_{0};  // [0, released_) may go to all
  std::atomic<State> state_{State::growing};
  mutable std::mutex mutex_;
  Extents beyond_;               // guarded by mutex_: released besides
  std::vector<Waiter> waiters_;  // guarded by mutex_
};

}  // namespace entrepot::cache
