// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "cache/executor.h"

namespace entrepot::cache {

/// A pool's jobs one after the other, in the order posted: for writes of which the later must win.
/// Holds one of the pool's threads while there is something to do. Thread-safe; may go while jobs
/// are queued, they run nevertheless.
class Strand final : public Poster {
 public:
  /// `pool` outlives the jobs.
  explicit Strand(Poster& pool) : pool_(pool), queue_(std::make_shared<Queue>()) {}

  void post(Job job) override {
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->jobs.push_back(std::move(job));
      if (std::exchange(queue_->running, true)) return;
    }
    pool_.post([queue = queue_] { queue->run(); });
  }

 private:
  struct Queue {
    void run() {
      while (const Job job = next()) job();
    }
    /// Empty when there is none; then the next post asks for a thread again.
    Job next() {
      const std::lock_guard lock(mutex);
      if (jobs.empty()) {
        running = false;
        return {};
      }
      Job job = std::move(jobs.front());
      jobs.pop_front();
      return job;
    }

    std::mutex mutex;
    std::deque<Job> jobs;  // guarded by mutex
    bool running = false;  // guarded by mutex
  };

  Poster& pool_;
  const std::shared_ptr<Queue> queue_;
};

}  // namespace entrepot::cache
