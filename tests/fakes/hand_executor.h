// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <stdexcept>
#include <thread>
#include <utility>

#include "cache/base/executor.h"

namespace entrepot::fakes {

/// An executor whose jobs run when the test says so. It has no timers.
class HandExecutor final : public cache::Executor {
 public:
  void post(cache::Job job) override { jobs_.push_back(std::move(job)); }
  std::unique_ptr<cache::Timer> after(std::chrono::milliseconds, cache::Job) override {
    throw std::logic_error("a hand executor has no timers");
  }

  std::size_t waiting() const { return jobs_.size(); }
  void assert_in_thread() const override {
    if (std::this_thread::get_id() != thread_) throw std::logic_error("called off the thread");
  }

  /// Runs the posted jobs, and the jobs that they post.
  void run() {
    while (!jobs_.empty()) {
      const cache::Job job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
  }

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  std::deque<cache::Job> jobs_;
};

}  // namespace entrepot::fakes
