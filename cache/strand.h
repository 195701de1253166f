// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "cache/executor.h"
#include "metrics/exception.h"

namespace entrepot::cache {

/// A pool's jobs one after the other, in the order posted: for writes of which the later must win.
/// Holds one of the pool's threads while there is something to do. Thread-safe; may go while jobs
/// are queued, they run nevertheless.
class Strand final : public Poster {
 public:
  /// `pool` outlives the jobs.
  explicit Strand(Poster& pool) : queue_(std::make_shared<Queue>(pool)) {}

  void post(Job job) override {
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->jobs.push_back(std::move(job));
      if (std::exchange(queue_->running, true)) return;
    }
    queue_->go_on();
  }

 private:
  struct Queue : std::enable_shared_from_this<Queue> {
    explicit Queue(Poster& pool_in) : pool(pool_in) {}
    void go_on() {
      pool.post([self = shared_from_this()] { self->run(); });
    }
    /// Those behind a job that throws have their turn all the same.
    void run() {
      while (const Job job = next()) run_or([&job] { named(job); }, [this] { go_on(); });
    }
    /// The pool knows the job that runs the queue only.
    static void named(const Job& job) {
      try {
        job();
      } catch (...) {
        throw std::runtime_error(exception_text() + "\" in \"" + job_name(job));
      }
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

    Poster& pool;
    std::mutex mutex;
    std::deque<Job> jobs;  // guarded by mutex
    bool running = false;  // guarded by mutex
  };

  const std::shared_ptr<Queue> queue_;
};

}  // namespace entrepot::cache
