// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

struct event_base;
struct event;

namespace entrepot::upstream {

/// A timer that can be set again, as libcurl's one timer is; the loop's own timers fire once.
/// Destroying it cancels it. Loop thread only; the job may set, cancel or destroy the timer it runs
/// for.
class Timer {
 public:
  Timer(event_base* base, std::function<void()> job);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Runs the job once after `delay`, in place of what was set before. 0: in the next turn.
  void set(std::chrono::milliseconds delay);
  void cancel();

 private:
  static void fire(int fd, short what, void* self);

  const std::function<void()> job_;
  event* event_;  // owned
};

}  // namespace entrepot::upstream
