// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "cache/base/executor.h"
#include "cache/base/extents.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The readable part of a growing object, and the readers that wait for more. It is the only state
/// shared by the fill that writes the object (fetch loop) and the bodies that follow it (serve
/// loops). Data goes through the file and only progress is published. Readers have no queues and
/// therefore cannot slow the fill. Thread-safe.
class Progress {
 public:
  enum class State : std::uint8_t {
    growing,
    whole,   ///< digest verified; all bytes are released
    failed,  ///< no more bytes will arrive: truncate the reply
  };

  /// Clients that read the whole object, or everything from some offset, receive its last bytes
  /// after the digest is verified, so that a truncated reply cannot be mistaken for the object.
  /// Clients that read pieces verify them by digests of their own and receive all available bytes.
  enum class ReadPolicy : std::uint8_t { proven, pieces };

  /// `size` of the whole object. The last `tail` bytes are readable only with ReadPolicy::pieces
  /// until the digest is verified.
  Progress(std::uint64_t size, std::uint64_t tail = 0)
      : size_(size), tail_begin_(size - std::min(size, tail)) {}

  std::uint64_t size() const { return size_; }
  /// End of the readable bytes that begin at `offset`; `offset` itself if there are none.
  std::uint64_t readable(std::uint64_t offset, ReadPolicy policy) const;
  State state() const { return state_.load(std::memory_order_acquire); }

  /// Posts `wake` to `executor`, once, as soon as `offset` is readable or the state is no longer
  /// growing (immediately if that is already so). `wake` must allow for the destruction of its
  /// owner.
  void wait(std::uint64_t offset, ReadPolicy policy, Executor& executor, Job wake);

  /// Called by the fill: bytes [0, arrived) are in the file. Never shrinks.
  void release(std::uint64_t arrived);
  /// Called by the fill: the bytes of `span` are in the file as well.
  void release(const Span& span);
  void finish(State final_state);

 private:
  struct Waiter {
    std::uint64_t offset;
    ReadPolicy policy;
    Executor* executor;
    Job wake;
  };
  std::uint64_t readable_locked(std::uint64_t offset, ReadPolicy policy) const REQUIRES(mutex_);
  void wake_all();

  const std::uint64_t size_;
  const std::uint64_t tail_begin_;
  std::atomic<std::uint64_t> released_{0};  // [0, released_) is readable by all
  std::atomic<State> state_{State::growing};
  mutable Mutex mutex_;
  Extents extra_ GUARDED_BY(mutex_);  // released in addition
  std::vector<Waiter> waiters_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
