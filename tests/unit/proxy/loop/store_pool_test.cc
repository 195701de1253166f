// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/store_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <future>
#include <latch>
#include <stdexcept>

namespace entrepot::loop {
namespace {

class StorePoolTest : public testing::Test {
 protected:
  std::unique_ptr<StorePool> make(std::size_t threads) {
    return std::make_unique<StorePool>("store", threads, metrics::Counter(&failures_));
  }

  std::atomic<std::uint64_t> failures_{0};
};

TEST_F(StorePoolTest, RunsOneJobPerThreadConcurrently) {
  const auto pool = make(3);
  std::barrier together(3);  // passes only if three jobs run concurrently
  std::latch done(3);
  for (int i = 0; i < 3; ++i)
    pool->post([&] {
      together.arrive_and_wait();
      done.count_down();
    });
  done.wait();
}

TEST_F(StorePoolTest, KeepsTheOrderWithOneThread) {
  const auto pool = make(1);
  std::vector<int> order;
  std::promise<void> last;
  for (int i = 0; i < 100; ++i) pool->post([&order, i] { order.push_back(i); });
  pool->post([&] { last.set_value(); });
  last.get_future().wait();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_F(StorePoolTest, AJobMayPost) {
  const auto pool = make(1);
  std::promise<void> inner;
  pool->post([&] { pool->post([&] { inner.set_value(); }); });
  inner.get_future().wait();
}

TEST_F(StorePoolTest, StopRunsQueuedJobsAndAcceptsNoMore) {
  auto pool = make(1);
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
  EXPECT_EQ(held.use_count(), 1);  // destroyed, not leaked
  go_on.set_value();
  pool.reset();
  EXPECT_TRUE(queued_ran);
  EXPECT_FALSE(late_ran);
}

TEST_F(StorePoolTest, StopRunsPostsOfRunningJobs) {
  auto pool = make(2);
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

TEST_F(StorePoolTest, ContinuesAfterAJobThatThrows) {
  const auto pool = make(1);
  const auto held = std::make_shared<int>(0);
  pool->post([held] { throw std::runtime_error("a surprise"); });
  pool->post([] { throw 1; });
  std::promise<void> next;
  pool->post([&] { next.set_value(); });
  next.get_future().wait();
  EXPECT_EQ(failures_, 2U);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace entrepot::loop
