// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "cache/base/executor.h"
#include "metrics/metrics.h"
#include "metrics/mutex.h"
#include "proxy/loop/loop.h"

namespace entrepot::loop {

/// A pool of threads for work that may block on the disk or the processor: hashing, fsync,
/// readahead. Jobs start in the order posted; with more than one thread they end in any order. A
/// job reports its result by posting to a loop. If a job throws, the pool logs and counts it and
/// continues; a job whose result is awaited catches its exceptions and reports a failure.
class StorePool final : public cache::JobQueue {
 public:
  /// Starts `threads` (at least one) threads named `name` (at most 12 characters) plus a number.
  /// Throws std::system_error if a thread cannot be started. `failures` counts the jobs that throw.
  StorePool(const std::string& name, std::size_t threads, metrics::Counter failures);
  /// Stops and joins; queued jobs run first.
  ~StorePool() override;
  StorePool(const StorePool&) = delete;
  StorePool& operator=(const StorePool&) = delete;

  /// Any thread, including jobs. After stop() the job is destroyed without running, except for jobs
  /// posted by running jobs, so that a started sequence of steps completes.
  void post(Job job) override;
  /// Runs the queued jobs (a blob just served still has to be stored) and then ends the threads.
  /// Any thread.
  void stop();
  /// Waits for the threads. Must not be called from a job.
  void join();

  /// Number of jobs posted and not yet started, for callers that must not queue more work.
  std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  void run();
  bool take_next(Job& job);
  void run_job(const Job& job) const;

  const metrics::Counter failures_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> queued_{0};

  Mutex mutex_;
  ConditionVariable ready_;
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::size_t running_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace entrepot::loop
