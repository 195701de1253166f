// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/loop_lag.h"

#include <atomic>
#include <chrono>
#include <utility>

namespace entrepot::app {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds interval{1};

}  // namespace

struct LoopLag::Watched {
  Watched(loop::Loop& loop_in, metrics::Histogram lag_in, loop::Job job_in)
      : loop(loop_in), lag(lag_in), job(std::move(job_in)) {}

  loop::Loop& loop;
  const metrics::Histogram lag;
  const loop::Job job;
  std::atomic<bool> asked{false};
};

void LoopLag::watch(loop::Loop& loop, metrics::LoopRole role, loop::Job job) {
  watched_.push_back(std::make_shared<Watched>(loop, metrics_.loop_lag(role), std::move(job)));
}

void LoopLag::begin() {
  due_ = Clock::now();
  ask();
}

void LoopLag::ask() {
  for (const auto& watched : watched_) {
    if (watched->asked.exchange(true)) continue;
    watched->loop.post([watched, since = due_] {
      watched->lag.observe(Clock::now() - since);
      if (watched->job) watched->job();
      watched->asked = false;
    });
  }
  ask_later();
}

void LoopLag::ask_later() {
  due_ = Clock::now() + interval;
  timer_ = home_.after(interval, [this] { ask(); });
}

}  // namespace entrepot::app
