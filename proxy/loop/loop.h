// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/base/executor.h"
#include "metrics/mutex.h"

struct event_base;
struct event;

namespace entrepot::loop {

using Job = cache::Job;

/// An event loop: one thread, one libevent base, timers, and a queue of posted jobs. All objects of
/// a loop are created, used and destroyed on its thread; post() is the only method for other
/// threads besides stop(). A job or callback that throws ends the process (exit code 70, with the
/// name of the job), because its changes are incomplete. Creating a loop makes the process ignore
/// SIGPIPE, since sendfile() has no flag for that.
class Loop final : public cache::Executor {
 public:
  /// `name` is the name of the thread (at most 15 characters).
  explicit Loop(std::string name);
  /// REQUIRES: the thread has been joined, and all events on base() are destroyed.
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Starts the thread. Jobs posted earlier run first. The thread blocks all signals.
  void start();
  /// Ends the loop after its current turn. Any thread. Queued jobs do not run; they are destroyed
  /// on the thread of the loop.
  void stop();
  /// Waits for the thread to end.
  void join();

  /// Runs `job` on the loop, in a turn of its own. Any thread. Wakes the loop at most once per
  /// turn.
  void post(Job job) override;

  /// A pending timer. Destroying it cancels it, even from its own job.
  using Timer = cache::Timer;
  /// Runs `job` once after `delay`. Loop thread only. Destroying the result cancels it. May be late
  /// by some milliseconds.
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Job job) override;
  /// Destroys `object` at the end of the current turn, outside of all callbacks. Loop thread only.
  template <typename T>
  void defer_delete(std::unique_ptr<T> object) {
    post([shared = std::shared_ptr<T>(std::move(object))] {});
  }

  /// True on the thread of the loop. Without a thread (before start(), after join()) it is true on
  /// every thread, because the caller then assembles or destroys the objects of the loop.
  bool in_loop() const;
  /// Belongs on the first line of each method for the loop thread (exit code 70 on another thread,
  /// in release builds too).
  void assert_in_loop() const;
  void assert_in_thread() const override { assert_in_loop(); }

  event_base* base() const { return base_; }
  const std::string& name() const { return name_; }

  /// Destroys the jobs still queued, and with them their captures. REQUIRES: join() has returned.
  /// Serves owners that control the order of destruction; otherwise the destructor does it.
  void drop_posted();

 private:
  class LoopTimer;

  static void woken(int, short, void* self);
  void run();
  void run_posted();
  void run_job(const Job& job) const;
  void wake_up();

  // Constant after construction.
  const std::string name_;
  event_base* base_;
  int wake_fd_;
  event* wake_;  // for posts of other threads
  event* soon_;  // for posts of the loop thread

  std::thread thread_;
  std::atomic<std::thread::id> id_{};
  std::vector<Job> running_;  // loop thread only; a member to keep its capacity

  Mutex mutex_;
  std::vector<Job> posted_ GUARDED_BY(mutex_);
  bool wake_pending_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace entrepot::loop
