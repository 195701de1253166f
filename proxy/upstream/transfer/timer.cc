// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/timer.h"

#include <event2/event.h>

#include <utility>

#include "metrics/check.h"

namespace entrepot::upstream {

Timer::Timer(event_base* base, std::function<void()> job)
    : job_(std::move(job)), event_(evtimer_new(base, &Timer::fire, this)) {
  check(event_ != nullptr, "out of memory for a timer");
}

Timer::~Timer() { event_free(event_); }

void Timer::set(std::chrono::milliseconds delay) {
  const auto count = delay.count() > 0 ? delay.count() : 0;
  timeval time{};
  time.tv_sec = static_cast<decltype(time.tv_sec)>(count / 1000);
  time.tv_usec = static_cast<decltype(time.tv_usec)>(count % 1000 * 1000);
  check(evtimer_add(event_, &time) == 0, "a timer cannot be set");
}

void Timer::cancel() { evtimer_del(event_); }

void Timer::fire(int, short, void* self) {
  // A copy: the job may destroy the timer, and with it the original of what is running.
  const std::function<void()> job = static_cast<Timer*>(self)->job_;
  job();
}

}  // namespace entrepot::upstream
