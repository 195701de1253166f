// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/executors.h"

#include <gtest/gtest.h>

#include <future>

namespace entrepot::app {
namespace {

using namespace std::chrono_literals;

TEST(LoopExecutor, RunsJobsAndTimersOnItsLoop) {
  loop::Loop loop("test");
  LoopExecutor executor(loop);
  std::unique_ptr<cache::Timer> timer;
  std::promise<bool> fired;
  executor.post([&] {
    timer = executor.after(1ms, [&] {
      timer.reset();
      fired.set_value(loop.in_loop());
    });
  });
  loop.start();
  EXPECT_FALSE(loop.in_loop());
  EXPECT_TRUE(fired.get_future().get());
  loop.stop();
  loop.join();
}

TEST(LoopExecutor, DestroyingATimerCancelsIt) {
  loop::Loop loop("test");
  LoopExecutor executor(loop);
  bool cancelled_ran = false;
  std::unique_ptr<cache::Timer> later;
  std::promise<void> done;
  executor.post([&] {
    auto timer = executor.after(1ms, [&] { cancelled_ran = true; });
    timer.reset();
    later = executor.after(20ms, [&] {
      later.reset();
      done.set_value();
    });
  });
  loop.start();
  done.get_future().get();
  loop.stop();
  loop.join();
  EXPECT_FALSE(cancelled_ran);
}

TEST(PoolPoster, RunsJobsInThePool) {
  std::atomic<std::uint64_t> failures{0};
  loop::StorePool pool("test", 1, metrics::Counter(&failures));
  PoolPoster poster(pool);
  std::promise<std::thread::id> ran;
  poster.post([&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
}

}  // namespace
}  // namespace entrepot::app
