// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/loop/loop.h"

namespace entrepot::loop {

/// A few threads for work that may block on the disk or the processor: hashing, fsync, reading
/// ahead. Jobs start in the order posted; with more than one thread they end in any order. A job
/// that has something to tell a loop posts it there. One that throws is logged and counted, and the
/// pool goes on: where somebody waits for it, it catches by itself and answers.
class StorePool {
 public:
  /// Starts `threads` (at least one) threads called `name` (at most 12 characters) and a number;
  /// throws std::system_error where one cannot be had. `failures` counts the jobs that throw.
  StorePool(const std::string& name, std::size_t threads, metrics::Counter failures);
  /// Stops and joins: what is queued runs first.
  ~StorePool();
  StorePool(const StorePool&) = delete;
  StorePool& operator=(const StorePool&) = delete;

  /// Any thread, jobs included. After stop() the job is destroyed unrun, but for what the jobs that
  /// still run post: a step that was begun has its end.
  void post(Job job);
  /// Any thread: what is queued still runs (a blob just answered is still to be kept), then the
  /// threads end.
  void stop();
  /// Waits for the threads. Not from a job.
  void join();

  /// Jobs posted and not yet begun; a caller that must not pile up work looks here first.
  std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  void run();
  void run_job(const Job& job) const;

  const metrics::Counter failures_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> queued_{0};

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;  // guarded by mutex_
  // Guarded by mutex_.
  std::size_t running_ = 0;
  bool stopping_ = false;
};

}  // namespace entrepot::loop
