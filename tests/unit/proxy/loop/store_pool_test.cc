// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/store_pool.h"

#include <gtest/gtest.h>

#include <barrier>
#include <future>
#include <latch>

namespace entrepot::loop {
namespace {

TEST(StorePool, RunsAsManyJobsAtOnceAsItHasThreads) {
  StorePool pool("store", 3);
  std::barrier together(3);  // passes only if three run at the same time
  std::latch done(3);
  for (int i = 0; i < 3; ++i)
    pool.post([&] {
      together.arrive_and_wait();
      done.count_down();
    });
  done.wait();
}

TEST(StorePool, OneThreadKeepsTheOrder) {
  StorePool pool("store", 1);
  std::vector<int> order;
  std::promise<void> last;
  for (int i = 0; i < 100; ++i) pool.post([&order, i] { order.push_back(i); });
  pool.post([&] { last.set_value(); });
  last.get_future().wait();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(StorePool, AJobMayPost) {
  StorePool pool("store", 1);
  std::promise<void> inner;
  pool.post([&] { pool.post([&] { inner.set_value(); }); });
  inner.get_future().wait();
}

TEST(StorePool, StopRunsWhatIsQueuedAndTakesNoMore) {
  auto pool = std::make_unique<StorePool>("store", 1);
  std::promise<void> running;
  std::promise<void> go_on;
  bool queued_ran = false;
  bool late_ran = false;
  const auto held = std::make_shared<int>(0);
  pool->post([&] {
    running.set_value();
    go_on.get_future().wait();
  });
  running.get_future().wait();
  pool->post([&] { queued_ran = true; });
  EXPECT_EQ(pool->queued(), 1U);
  pool->stop();
  pool->post([&late_ran, held] { late_ran = true; });
  EXPECT_EQ(held.use_count(), 1);  // destroyed, not merely forgotten
  go_on.set_value();
  pool.reset();
  EXPECT_TRUE(queued_ran);
  EXPECT_FALSE(late_ran);
}

TEST(StorePool, StopRunsWhatARunningJobPosts) {
  auto pool = std::make_unique<StorePool>("store", 2);
  std::promise<void> running;
  std::promise<void> go_on;
  int steps = 0;
  pool->post([&] {
    running.set_value();
    go_on.get_future().wait();
    pool->post([&] { pool->post([&] { ++steps; }); });
  });
  running.get_future().wait();
  pool->stop();
  go_on.set_value();
  pool->join();
  EXPECT_EQ(steps, 1);
}

}  // namespace
}  // namespace entrepot::loop
