// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "cache/executor.h"

namespace entrepot::cache {

/// How far a growing object may be read, and who waits for more. Shared by the fill that writes it
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

  explicit Progress(std::uint64_t size) : size_(size) {}

  /// Size of the whole object.
  std::uint64_t size() const { return size_; }
  /// Bytes [0, released()) may go to clients.
  std::uint64_t released() const { return released_.load(std::memory_order_acquire); }
  State state() const { return state_.load(std::memory_order_acquire); }

  /// Posts `wake` to `executor`, once, as soon as released() > `seen` or the state is no longer
  /// growing (at once where that is so already). `wake` must cope with its owner being gone.
  void wait(std::uint64_t seen, Executor& executor, Job wake);

  /// The fill's side. Never shrinks; `released` ≤ size.
  void release(std::uint64_t released);
  void finish(State final_state);

 private:
  struct Waiter {
    std::uint64_t seen;
    Executor* executor;
    Job wake;
  };
  void wake_all();

  const std::uint64_t size_;
  std::atomic<std::uint64_t> released_{0};
  std::atomic<State> state_{State::growing};
  std::mutex mutex_;
  std::vector<Waiter> waiters_;  // guarded by mutex_
};

}  // namespace entrepot::cache
