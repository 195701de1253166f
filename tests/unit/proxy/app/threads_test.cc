// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace entrepot::app {
namespace {

std::vector<std::string> names_of(const std::vector<loop::Loop*>& loops) {
  std::vector<std::string> names;
  for (const auto* loop : loops) names.push_back(loop->name());
  return names;
}

TEST(ThreadsOfMirror, MakesTheConfiguredLoops) {
  const metrics::Metrics metrics({});
  Threads threads({.serve = 2, .fetch = 1, .store = 1}, metrics);
  EXPECT_THAT(names_of(threads.worker_loops()),
              testing::ElementsAre("serve-0", "serve-1", "fetch-0"));
  EXPECT_EQ(threads.control().name(), "control");
}

TEST(ThreadsOfMirror, EndsStepByStep) {
  const metrics::Metrics metrics({});
  Threads threads({.serve = 1, .fetch = 1, .store = 1}, metrics);
  threads.start_loops();
  std::promise<void> ran;
  threads.serve()[0]->post([&ran] { ran.set_value(); });
  ran.get_future().wait();
  EXPECT_FALSE(threads.ending());

  threads.end_loops();
  EXPECT_TRUE(threads.ending());
  EXPECT_TRUE(threads.control().in_loop()) << "this thread stands in for the loops";

  // A job of the admin pool may still need the store pool, and both may post to a loop.
  const auto held = std::make_shared<int>();
  std::atomic<bool> stored{false};
  threads.admin_pool().post([&] {
    std::promise<void> done;
    threads.store_pool().post([&, held] {
      threads.fetch()[0]->post([held] {});
      stored = true;
      done.set_value();
    });
    done.get_future().wait();
  });
  threads.end_small_pools();
  EXPECT_TRUE(stored);
  threads.end_store_pool();
  EXPECT_EQ(held.use_count(), 2) << "the job posted to the loop holds it";
  threads.drop_posted();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace entrepot::app
