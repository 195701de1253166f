// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/loop.h"

#include <event2/event.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <csignal>
#include <future>
#include <latch>
#include <stdexcept>

namespace entrepot::loop {
namespace {

using std::chrono::milliseconds;

class LoopTest : public testing::Test {
 protected:
  void TearDown() override {
    loop_.stop();
    loop_.join();
  }
  // Runs `job` on the loop and waits for it.
  void on_loop(Job job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }
  Loop loop_{"test-loop"};
};

TEST_F(LoopTest, RunsJobsInOrderOnANamedThread) {
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) loop_.post([&order, i] { order.push_back(i); });
  loop_.start();
  std::array<char, 16> name{};
  on_loop([&] {
    order.push_back(3);
    EXPECT_TRUE(loop_.in_loop());
    pthread_getname_np(pthread_self(), name.data(), name.size());
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_STREQ(name.data(), "test-loop");
  EXPECT_FALSE(loop_.in_loop());
}

TEST_F(LoopTest, RunsPostsOfManyThreads) {
  loop_.start();
  constexpr int threads = 4;
  constexpr int posts = 2000;
  int count = 0;  // loop thread only
  std::latch all(threads * posts);
  {
    std::vector<std::jthread> posters;
    for (int t = 0; t < threads; ++t)
      posters.emplace_back([&] {
        for (int i = 0; i < posts; ++i)
          loop_.post([&] {
            ++count;
            all.count_down();
          });
      });
  }
  all.wait();
  on_loop([&] { EXPECT_EQ(count, threads * posts); });
}

TEST_F(LoopTest, SelfPostingJobStarvesNoTimer) {
  loop_.start();
  std::promise<void> fired;
  std::unique_ptr<Loop::Timer> timer;
  bool stop = false;
  std::function<void()> again = [&] {
    if (!stop) loop_.post(again);
  };
  on_loop([&] {
    timer = loop_.after(milliseconds(1), [&] {
      stop = true;
      fired.set_value();
    });
    again();
  });
  fired.get_future().wait();
  on_loop([&] { timer.reset(); });
}

TEST_F(LoopTest, TimersFireInOrderOfTheirTimeAndOnce) {
  loop_.start();
  std::vector<int> order;
  std::vector<std::unique_ptr<Loop::Timer>> timers;
  std::promise<void> last;
  on_loop([&] {
    timers.push_back(loop_.after(milliseconds(60), [&] {
      order.push_back(2);
      last.set_value();
    }));
    timers.push_back(loop_.after(milliseconds(0), [&] { order.push_back(1); }));
  });
  last.get_future().wait();
  on_loop([&] {
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    timers.clear();
  });
}

TEST_F(LoopTest, DestroyedTimerDoesNotFire) {
  loop_.start();
  bool fired = false;
  std::promise<void> later;
  std::unique_ptr<Loop::Timer> after;
  on_loop([&] {
    auto timer = loop_.after(milliseconds(1), [&] { fired = true; });
    timer.reset();
    after = loop_.after(milliseconds(30), [&] { later.set_value(); });
  });
  later.get_future().wait();
  on_loop([&] {
    EXPECT_FALSE(fired);
    after.reset();
  });
}

TEST_F(LoopTest, TimerMayReplaceItselfInItsOwnJob) {
  loop_.start();
  std::unique_ptr<Loop::Timer> timer;
  int fired = 0;
  std::promise<void> enough;
  // Captured by value: a sanitizer reports a use after the destruction of the running job.
  const std::string canary(100, 'c');
  std::function<void()> rearm = [&, canary] {
    timer = loop_.after(milliseconds(1), [&, canary] {
      ++fired;
      if (fired < 3)
        rearm();
      else
        timer.reset();
      EXPECT_EQ(canary.size(), 100U);
      if (fired == 3) enough.set_value();
    });
  };
  on_loop([&] { rearm(); });
  enough.get_future().wait();
  on_loop([&] { EXPECT_EQ(fired, 3); });
}

TEST_F(LoopTest, StopDropsQueuedJobsOnTheLoopsThread) {
  loop_.start();
  struct Canary {
    explicit Canary(std::thread::id& where) : where_(where) {}
    ~Canary() { where_ = std::this_thread::get_id(); }
    std::thread::id& where_;
  };
  std::thread::id destroyed_on;
  std::thread::id loop_thread;
  bool ran = false;
  on_loop([&] {
    loop_thread = std::this_thread::get_id();
    loop_.post([&ran, canary = std::make_shared<Canary>(destroyed_on)] { ran = true; });
    loop_.stop();
  });
  loop_.join();
  EXPECT_FALSE(ran);
  EXPECT_EQ(destroyed_on, loop_thread);
}

TEST_F(LoopTest, DeferDeleteOutlivesTheJobThatCalls) {
  loop_.start();
  struct Object {
    explicit Object(bool& gone) : gone_(gone) {}
    ~Object() { gone_ = true; }
    bool& gone_;
  };
  bool gone = false;
  on_loop([&] {
    loop_.defer_delete(std::make_unique<Object>(gone));
    EXPECT_FALSE(gone);
  });
  on_loop([&] { EXPECT_TRUE(gone); });
}

TEST_F(LoopTest, EveryThreadIsInALoopWithoutThread) {
  EXPECT_TRUE(loop_.in_loop());
  loop_.start();
  EXPECT_FALSE(loop_.in_loop());
  loop_.stop();
  loop_.join();
  EXPECT_TRUE(loop_.in_loop());
}

TEST_F(LoopTest, BlocksSignalsOnItsThread) {
  loop_.start();
  on_loop([] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGTERM), 1);
  });
}

TEST(LoopDeathTest, WrongThreadIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto misuse = [] {
    Loop loop("test-loop");
    loop.start();
    loop.assert_in_loop();
  };
  EXPECT_EXIT(misuse(), testing::ExitedWithCode(70), "off the loop's thread");
}

/// A function whose name appears in the message.
void post_a_throwing_job(Loop& loop) {
  loop.post([] { throw std::runtime_error("no bread"); });
}

TEST(LoopDeathTest, JobThatThrowsIsABugWithItsName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    Loop loop("test-loop");
    post_a_throwing_job(loop);
    loop.start();
    loop.join();
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(70),
              "entrepot: bug: \"no bread\" on the loop test-loop in .*post_a_throwing_job");
}

TEST(LoopDeathTest, TimerThatThrowsIsABugWithItsName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    Loop loop("test-loop");
    const auto timer = loop.after(milliseconds(0), [] { throw std::runtime_error("no bread"); });
    loop.start();
    loop.join();
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(70), "\"no bread\" on the loop test-loop in ");
}

TEST(LoopDeathTest, LibeventCallbackThatThrowsIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    Loop loop("test-loop");
    const timeval at_once{0, 0};
    event_base_once(
        loop.base(), -1, EV_TIMEOUT,
        [](evutil_socket_t, short, void*) { throw std::runtime_error("no bread"); }, nullptr,
        &at_once);
    loop.start();
    loop.join();
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(70), "\"no bread\" in a callback of the loop");
}

}  // namespace
}  // namespace entrepot::loop
