// SPDX-License-Identifier: Apache-2.0
//
// Jobs posted while a batch runs form the next batch. The loop polls its sockets in between, so a
// job that posts itself again starves no other work. `wake_pending_` is true from the first post
// until that batch is taken; only that first post wakes the loop.
#include "proxy/loop/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <utility>

#include "metrics/check.h"
#include "metrics/exception.h"
#include "metrics/mutex.h"
#include "proxy/loop/thread.h"

namespace entrepot::loop {
namespace {

event_base* new_base() {
  event_config* config = event_config_new();
  check(config != nullptr, "event_config_new");
  // No libevent call crosses threads, so its locks are disabled.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  check(base != nullptr, "event_base_new");
  return base;
}

}  // namespace

Loop::Loop(std::string name)
    : name_(std::move(name)), base_(new_base()), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  std::signal(SIGPIPE, SIG_IGN);
  check(wake_fd_ >= 0, "eventfd");
  // Edge-triggered: each write to the counter wakes the loop once, without a need to read it back.
  wake_ = event_new(base_, wake_fd_, EV_READ | EV_PERSIST | EV_ET, woken, this);
  check(wake_ != nullptr && event_add(wake_, nullptr) == 0, "event_add");
  soon_ = evtimer_new(base_, woken, this);
  check(soon_ != nullptr, "evtimer_new");
}

Loop::~Loop() {
  check(!thread_.joinable(), "Loop destroyed before join()");
  drop_posted();
  event_free(soon_);
  event_free(wake_);
  close(wake_fd_);
  event_base_free(base_);
}

void Loop::start() {
  check(!thread_.joinable(), "Loop started twice");
  thread_ = start_thread(name_, [this] { run(); });
  // The thread sets this too. Whichever is first, in_loop() is right when start() returns.
  id_.store(thread_.get_id());
}

void Loop::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_pending_ = true;
  }
  wake_up();
}

void Loop::join() {
  if (!thread_.joinable()) return;
  thread_.join();
  id_.store(std::thread::id{});
}

void Loop::post(Job job) {
  bool first;
  {
    const MutexLock lock(mutex_);
    posted_.push_back(std::move(job));
    first = !std::exchange(wake_pending_, true);
  }
  if (first) wake_up();
}

void Loop::wake_up() {
  if (id_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    // Wakes the loop from its own thread, without a system call. event_active() is unsuitable:
    // libevent runs newly active events in the same turn, so a job that posts itself would never
    // let the turn end.
    const timeval at_once{0, 0};
    event_add(soon_, &at_once);
    return;
  }
  eventfd_write(wake_fd_, 1);
}

bool Loop::in_loop() const {
  const std::thread::id id = id_.load(std::memory_order_relaxed);
  return id == std::this_thread::get_id() || id == std::thread::id{};
}

void Loop::assert_in_loop() const { check(in_loop(), "called off the loop's thread"); }

void Loop::woken(int, short, void* self) { static_cast<Loop*>(self)->run_posted(); }

void Loop::run() {
  id_.store(std::this_thread::get_id());
  try {
    event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY);
  } catch (...) {  // thrown by a callback of libevent or libcurl, whose state is unknown now
    bug(("\"" + exception_text() + "\" in a callback of the loop " + name_).c_str());
  }
  drop_posted();
}

void Loop::run_job(const Job& job) const {
  try {
    job();
  } catch (...) {
    bug(("\"" + exception_text() + "\" on the loop " + name_ + " in " + job_name(job)).c_str());
  }
}

void Loop::run_posted() {
  {
    const MutexLock lock(mutex_);
    if (stopping_) {
      event_base_loopbreak(base_);
      return;
    }
    running_.swap(posted_);
    wake_pending_ = false;
  }
  for (Job& job : running_) {
    run_job(job);
    job = nullptr;  // destroy the captures now, not after the whole batch
  }
  running_.clear();
}

void Loop::drop_posted() {
  for (;;) {
    std::vector<Job> dropped;
    {
      const MutexLock lock(mutex_);
      dropped.swap(posted_);
    }
    if (dropped.empty()) return;  // destroying a job may post another
  }
}

class Loop::LoopTimer final : public cache::Timer {
 public:
  LoopTimer(Loop& loop, std::chrono::milliseconds delay, Job job)
      : loop_(loop), job_(std::move(job)), event_(evtimer_new(loop.base_, fire, this)) {
    const auto ms = std::max<std::int64_t>(delay.count(), 0);
    const timeval wait{ms / 1000, (ms % 1000) * 1000};
    check(event_ != nullptr && event_add(event_, &wait) == 0, "evtimer_add");
  }
  ~LoopTimer() override {
    loop_.assert_in_loop();
    event_free(event_);
  }
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

 private:
  static void fire(int, short, void* self) {
    // The job may destroy this timer, so it is moved to the stack first.
    auto& timer = *static_cast<LoopTimer*>(self);
    const Loop& loop = timer.loop_;
    const Job job = std::move(timer.job_);
    loop.run_job(job);
  }

  Loop& loop_;
  Job job_;
  event* event_;
};

std::unique_ptr<Loop::Timer> Loop::after(std::chrono::milliseconds delay, Job job) {
  assert_in_loop();
  return std::make_unique<LoopTimer>(*this, delay, std::move(job));
}

}  // namespace entrepot::loop
