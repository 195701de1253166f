// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>

#include "tests/unit/proxy/app/captured_log.h"

namespace entrepot::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Two loops that the watchdog watches from a third.
class WatchdogTest : public testing::Test {
 protected:
  WatchdogTest() {
    for (auto* loop : all_) loop->start();
  }
  ~WatchdogTest() override { end_threads(); }

  void end_threads() {
    for (auto* loop : all_) loop->stop();
    for (auto* loop : all_) loop->join();
  }

  void watch(std::chrono::milliseconds interval) {
    home_.post([this, interval] {
      watchdog_ = std::make_unique<Watchdog>(home_, std::vector<loop::Loop*>{&serve_, &fetch_},
                                             interval, [this] { alive(); });
    });
  }
  void wait_alive(int times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return alive_ >= times; });
  }
  int times_alive() {
    const std::lock_guard lock(mutex_);
    return alive_;
  }
  /// Waits until the home loop has the answers of the other one to all that it was asked before.
  void wait_answers() {
    for (auto* loop : {&serve_, &home_}) {
      std::promise<void> turned;
      loop->post([&] { turned.set_value(); });
      turned.get_future().wait();
    }
  }
  /// Time passes on the home loop, where rounds begin.
  void let_pass(std::chrono::milliseconds time) {
    std::promise<void> passed;
    std::unique_ptr<loop::Loop::Timer> timer;
    home_.post([&] { timer = home_.after(time, [&] { passed.set_value(); }); });
    passed.get_future().wait();
    std::promise<void> gone;
    home_.post([&] {
      timer.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }

  CapturedLog log_;
  loop::Loop home_{"home"};
  loop::Loop serve_{"serve-0"};
  loop::Loop fetch_{"fetch-0"};
  const std::vector<loop::Loop*> all_{&serve_, &fetch_, &home_};
  std::unique_ptr<Watchdog> watchdog_;  // goes after the threads have ended, before the loops

 private:
  void alive() {
    EXPECT_TRUE(home_.in_loop());
    const std::lock_guard lock(mutex_);
    ++alive_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int alive_ = 0;
};

/// Keeps a loop's thread until released.
class Held {
 public:
  explicit Held(loop::Loop& loop) {
    loop.post([state = state_] {
      state->holds.count_down();
      state->released.wait();
    });
    state_->holds.wait();
  }
  ~Held() { release(); }
  void release() {
    if (!state_->released.try_wait()) state_->released.count_down();
  }

 private:
  struct State {
    std::latch holds{1};
    std::latch released{1};
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST_F(WatchdogTest, ReportsAliveAtOnceAndAgain) {
  watch(1h);
  wait_alive(1);
}

TEST_F(WatchdogTest, ReportsAliveWhileAllLoopsTurn) {
  watch(2ms);
  wait_alive(10);
}

TEST_F(WatchdogTest, ABlockedLoopStopsTheReportsUntilItTurnsAgain) {
  watch(10ms);
  wait_alive(2);
  {
    Held held(fetch_);
    wait_answers();  // the round that was open has ended, unless it waits for this loop
    const int before = times_alive();
    let_pass(200ms);
    wait_answers();
    let_pass(20ms);  // a report about this loop alone, however late the other one was
    EXPECT_EQ(times_alive(), before);
    held.release();
    wait_alive(before + 3);
  }
  end_threads();
  EXPECT_THAT(log_.text(), HasSubstr(" ms: fetch-0;"));
}

TEST_F(WatchdogTest, ALateAnswerIsReportedAtOnce) {
  Held held(serve_);
  watch(1h);  // the next round would be too late
  let_pass(20ms);
  EXPECT_EQ(times_alive(), 0);
  held.release();
  wait_alive(1);
}

TEST_F(WatchdogTest, EndsWithTheThreadsInTheMiddleOfARound) {
  auto held = std::make_unique<Held>(serve_);
  watch(1h);
  let_pass(1ms);
  fetch_.stop();
  home_.stop();
  home_.join();
  held.reset();  // its answer comes to a loop that has stopped
}

}  // namespace
}  // namespace entrepot::app
