// SPDX-License-Identifier: Apache-2.0
// The interfaces through which code posts jobs and sets timers. proxy/loop implements them with
// event loops and thread pools; tests use fakes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace entrepot::cache {

using Job = std::function<void()>;

/// A queue of jobs for an event loop or a pool of threads.
class JobQueue {
 public:
  virtual ~JobQueue() = default;

  /// Runs `job` on the other side, after this call has returned. Any thread may call it; a loop
  /// runs jobs posted from one thread in the order they were posted. A job must not throw.
  virtual void post(Job job) = 0;
};

/// A running timer. Destroying it cancels the job. Owned and destroyed on the thread of the
/// executor that created it.
class Timer {
 public:
  virtual ~Timer() = default;
};

/// One thread that runs jobs one at a time, and their timers.
class Executor : public JobQueue {
 public:
  /// Runs `job` once after `delay`. Call it on the executor's own thread only.
  [[nodiscard]] virtual std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Job job) = 0;
  /// Belongs on the first line of each method that runs on this thread only. Ends the process with
  /// exit code 70 on another thread.
  virtual void assert_in_thread() const = 0;
};

}  // namespace entrepot::cache
