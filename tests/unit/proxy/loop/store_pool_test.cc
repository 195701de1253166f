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

TEST(StorePool, StopEndsTheRunningJobAndDropsTheRest) {
  auto pool = std::make_unique<StorePool>("store", 1);
  std::promise<void> running;
  std::promise<void> go_on;
  bool ended = false;
  bool ran = false;
  const auto held = std::make_shared<int>(0);
  pool->post([&] {
    running.set_value();
    go_on.get_future().wait();
    ended = true;
  });
  running.get_future().wait();
  pool->post([&ran, held] { ran = true; });
  EXPECT_EQ(pool->queued(), 1U);
  pool->stop();
  EXPECT_EQ(pool->queued(), 0U);
  EXPECT_EQ(held.use_count(), 1);  // destroyed, not merely forgotten
  pool->post([&ran, held] { ran = true; });
  go_on.set_value();
  pool.reset();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace entrepot::loop
