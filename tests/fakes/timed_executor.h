// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "cache/base/executor.h"
#include "tests/fakes/fake_clock.h"

namespace entrepot::fakes {

/// An executor whose jobs and timers run when the test says so, on a fake clock. Serves as loop and
/// as store pool at once.
class TimedExecutor final : public cache::Executor {
 public:
  explicit TimedExecutor(FakeClock& clock) : clock_(clock) {}

  void post(cache::Job job) override { jobs_.push_back(std::move(job)); }
  std::unique_ptr<cache::Timer> after(std::chrono::milliseconds delay, cache::Job job) override {
    auto timer = std::make_unique<FakeTimer>();
    timers_.push_back({clock_.steady() + delay, timer->alive, std::move(job)});
    return timer;
  }

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
  /// Runs one job only, to stop between two steps.
  bool run_one() {
    if (jobs_.empty()) return false;
    const cache::Job job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
    return true;
  }
  /// Lets time pass, runs the timers that came due, then everything posted.
  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    std::vector<Pending> due;
    std::erase_if(timers_, [&](Pending& pending) {
      const bool over = pending.at <= clock_.steady();
      if (over) due.push_back(pending);
      return over;
    });
    for (const auto& pending : due) {
      if (!pending.alive.expired()) pending.job();
    }
    run();
  }

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  struct FakeTimer : cache::Timer {
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  };
  struct Pending {
    cache::SteadyTime at;
    std::weak_ptr<bool> alive;
    cache::Job job;
  };

  FakeClock& clock_;
  std::deque<cache::Job> jobs_;
  std::vector<Pending> timers_;
};

}  // namespace entrepot::fakes
