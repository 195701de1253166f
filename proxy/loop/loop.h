// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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
/// way in from another thread. A job or a callback that throws ends the process (exit code 70, with
/// the job's name): what it was about to change is half changed. Making a loop ignores SIGPIPE for
/// the process: sendfile() has no flag for it.
class Loop {
 public:
  /// `name` becomes the thread's name (at most 15 characters).
  explicit Loop(std::string name);
  /// The thread has been joined, and everything on base() is gone.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Starts the thread; jobs posted earlier run first. The thread blocks all signals.
  void start();
  /// Any thread: the loop ends after its current turn. Jobs still queued are dropped unrun, and
  /// destroyed on the loop's thread.
  void stop();
  /// Waits for the thread.
  void join();

  /// Any thread: runs `job` on the loop, in a turn of its own. Wakes the loop at most once per
  /// turn.
  void post(Job job);

  /// A pending timer; destroying it cancels it, from its own job too.
  class Timer {
   public:
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    friend class Loop;
    Timer(Loop& loop, std::chrono::milliseconds delay, Job job);
    static void fire(int, short, void* self);

    Loop& loop_;
    Job job_;
    event* event_;
  };
  /// On the loop: runs `job` once after `delay`. Destroying the result cancels it. Coarse: may be
  /// some milliseconds late.
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::milliseconds delay, Job job);
  /// On the loop: destroys `object` at the end of the current turn, outside every callback of it.
  template <typename T>
  void defer_delete(std::unique_ptr<T> object) {
    post([shared = std::shared_ptr<T>(std::move(object))] {});
  }

  /// True on the loop's thread. While there is no thread (before start(), after join()) it is true
  /// everywhere: whoever assembles or takes down the program stands in for the loop.
  bool in_loop() const;
  /// First line of every loop-only method (exit code 70 on the wrong thread, in release too).
  void assert_in_loop() const;

  event_base* base() const { return base_; }
  const std::string& name() const { return name_; }

  /// After join(): destroys the jobs still queued, and with them what they hold. For an owner that
  /// ends things in an order of its own; the destructor does it otherwise.
  void drop_posted();

 private:
  static void woken(int, short, void* self);
  void run();
  void run_posted();
  void run_job(const Job& job) const;
  void wake_up();

  // Constant after construction.
  const std::string name_;
  event_base* base_;
  int wake_fd_;
  event* wake_;  // posts of other threads
  event* soon_;  // posts of the loop's own

  std::thread thread_;
  std::atomic<std::thread::id> id_{};
  std::vector<Job> running_;  // loop thread only; kept for its capacity

  std::mutex mutex_;
  std::vector<Job> posted_;    // guarded by mutex_
  bool wake_pending_ = false;  // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
};

}  // namespace entrepot::loop
