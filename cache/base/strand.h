// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <stdexcept>
#include <utility>

#include "cache/base/executor.h"
#include "metrics/exception.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// Runs jobs of a pool one after another, in the order they were posted. Serves writes of which the
/// last must win. Occupies one thread of the pool while jobs are queued. Thread-safe. Queued jobs
/// run even after the strand is destroyed.
class Strand final : public JobQueue {
 public:
  /// `pool` must outlive all jobs.
  explicit Strand(JobQueue& pool) : queue_(std::make_shared<Queue>(pool)) {}

  void post(Job job) override {
    {
      const MutexLock lock(queue_->mutex);
      queue_->jobs.push_back(std::move(job));
      if (std::exchange(queue_->running, true)) return;
    }
    queue_->schedule();
  }

 private:
  struct Queue : std::enable_shared_from_this<Queue> {
    explicit Queue(JobQueue& pool_in) : pool(pool_in) {}
    void schedule() {
      pool.post([self = shared_from_this()] { self->run(); });
    }
    /// A job that throws does not prevent the jobs behind it from running.
    void run() {
      while (const Job job = next()) run_or([&job] { run_named(job); }, [this] { schedule(); });
    }
    /// Adds the name of the job to the exception, because the pool knows only the job that runs the
    /// queue.
    static void run_named(const Job& job) {
      try {
        job();
      } catch (...) {
        throw std::runtime_error(exception_text() + "\" in \"" + job_name(job));
      }
    }
    /// Returns an empty job if the queue is empty; the next post then schedules run() again.
    Job next() {
      const MutexLock lock(mutex);
      if (jobs.empty()) {
        running = false;
        return {};
      }
      Job job = std::move(jobs.front());
      jobs.pop_front();
      return job;
    }

    JobQueue& pool;
    Mutex mutex;
    std::deque<Job> jobs GUARDED_BY(mutex);
    bool running GUARDED_BY(mutex) = false;
  };

  const std::shared_ptr<Queue> queue_;
};

}  // namespace entrepot::cache
