// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct event_base;
struct event;

namespace entrepot::loop {

using Job = std::function<void()>;

/// An event loop: one thread, one libevent base, timers, and a queue of jobs posted from anywhere.
/// Everything that belongs to a loop is made, used and destroyed on its thread; post() is the only
/// way in from another thread.
class Loop {
 public:
  /// `name` becomes the thread's name (at most 15 characters).
  explicit Loop(std::string name);
  /// The thread has been joined.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Starts the thread; jobs posted earlier run first.
  void start();
  /// Any thread: the loop ends after its current turn. Jobs still queued are dropped unrun.
  void stop();
  /// Waits for the thread.
  void join();

  /// Any thread: runs `job` on the loop, in a turn of its own. Wakes the loop at most once per turn.
  void post(Job job);
  /// On the loop: runs `job` once after `delay`. Destroying the result cancels it.
  class Timer;
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Job job);
  /// On the loop: destroys `object` at the end of the current turn, outside every callback of it.
  template <typename T>
  void defer_delete(std::unique_ptr<T> object) {
    post([shared = std::shared_ptr<T>(std::move(object))] {});
  }

  /// True on the loop's thread.
  bool in_loop() const;
  /// First line of every loop-only method (exit code 70 on the wrong thread, in release too).
  void assert_in_loop() const;

  event_base* base() const { return base_; }
  const std::string& name() const { return name_; }

 private:
  void run();
  void run_posted();

  const std::string name_;
  event_base* base_;
  event* wake_;
  std::thread thread_;
  std::atomic<std::thread::id> id_{};

  std::mutex mutex_;
  std::vector<Job> posted_;  // guarded by mutex_
  bool wake_pending_ = false;  // guarded by mutex_
};

}  // namespace entrepot::loop
