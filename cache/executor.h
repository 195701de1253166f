// SPDX-License-Identifier: Apache-2.0
// How the cache reaches threads: it posts jobs and sets timers through these interfaces and knows
// no event loop. proxy/app wraps its loops and its store pool in them; tests use fakes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace entrepot::cache {

using Job = std::function<void()>;

/// Somewhere a job can be run later: a loop's queue or a pool of threads.
class Poster {
 public:
  virtual ~Poster() = default;

  /// Runs `job` on the other side, after this call has returned. Any thread may call it; jobs
  /// posted from one thread to a loop run in the order they were posted. A job must not throw.
  virtual void post(Job job) = 0;
};

/// A running timer. Destroying it cancels it: after that the job is never run.
/// Owned, and destroyed, on the thread of the executor that made it.
class Timer {
 public:
  virtual ~Timer() = default;
};

/// One thread that runs jobs one at a time, and their timers.
class Executor : public Poster {
 public:
  /// Runs `job` once after `delay`. Call it on the executor's own thread only.
  [[nodiscard]] virtual std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Job job) = 0;
};

}  // namespace entrepot::cache
