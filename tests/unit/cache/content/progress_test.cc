// SPDX-License-Identifier: Apache-2.0
#include "cache/content/progress.h"

#include <gtest/gtest.h>

#include "tests/fakes/hand_executor.h"

namespace entrepot::cache {
namespace {

using ReadPolicy = Progress::ReadPolicy;

class ProgressTest : public testing::Test {
 protected:
  /// Waits at `offset`; the result counts the wake-ups so far.
  std::shared_ptr<int> wait(std::uint64_t offset, ReadPolicy reach) {
    auto woken = std::make_shared<int>(0);
    progress.wait(offset, reach, executor, [woken] { ++*woken; });
    executor.run();
    return woken;
  }

  fakes::HandExecutor executor;
  Progress progress{1000, 100};
};

TEST_F(ProgressTest, ReleasesArrivedBytesExceptTheTail) {
  progress.release(500);
  EXPECT_EQ(progress.readable(0, ReadPolicy::proven), 500U);
  EXPECT_EQ(progress.readable(499, ReadPolicy::pieces), 500U);
  EXPECT_EQ(progress.readable(500, ReadPolicy::proven), 500U);
  EXPECT_EQ(progress.readable(700, ReadPolicy::proven), 700U) << "no byte is stored";
  progress.release(950);
  EXPECT_EQ(progress.readable(0, ReadPolicy::proven), 900U);
  EXPECT_EQ(progress.readable(900, ReadPolicy::proven), 900U);
  EXPECT_EQ(progress.readable(900, ReadPolicy::pieces), 950U);
  EXPECT_EQ(progress.readable(950, ReadPolicy::proven), 950U);
  progress.finish(Progress::State::whole);
  EXPECT_EQ(progress.readable(0, ReadPolicy::proven), 1000U);
}

TEST_F(ProgressTest, ReleasesPiecesAtTheirOffsets) {
  progress.release(Span{300, 400});
  progress.release(Span{880, 1000});
  for (const auto reach : {ReadPolicy::proven, ReadPolicy::pieces}) {
    EXPECT_EQ(progress.readable(0, reach), 0U);
    EXPECT_EQ(progress.readable(300, reach), 400U);
    EXPECT_EQ(progress.readable(399, reach), 400U);
    EXPECT_EQ(progress.readable(400, reach), 400U);
  }
  EXPECT_EQ(progress.readable(890, ReadPolicy::proven), 900U);
  EXPECT_EQ(progress.readable(890, ReadPolicy::pieces), 1000U);
  EXPECT_EQ(progress.readable(990, ReadPolicy::proven), 990U);
}

TEST_F(ProgressTest, WakesAWaiterWhenItsBytesArrive) {
  const auto beginning = wait(0, ReadPolicy::proven);
  const auto middle = wait(300, ReadPolicy::proven);
  const auto tail = wait(950, ReadPolicy::proven);
  const auto piece = wait(950, ReadPolicy::pieces);
  progress.release(Span{900, 1000});
  executor.run();
  EXPECT_EQ(*piece, 1);
  EXPECT_EQ(*beginning + *middle + *tail, 0);
  progress.release(Span{300, 301});
  executor.run();
  EXPECT_EQ(*middle, 1);
  progress.release(1);
  executor.run();
  EXPECT_EQ(*beginning, 1);
  EXPECT_EQ(*tail, 0);
  progress.finish(Progress::State::failed);
  executor.run();
  EXPECT_EQ(*tail, 1);
  EXPECT_EQ(*beginning + *middle + *piece, 3) << "one wake-up each";
}

TEST_F(ProgressTest, WakesAtOnceIfBytesAreAvailable) {
  progress.release(Span{300, 400});
  EXPECT_EQ(*wait(350, ReadPolicy::proven), 1);
  EXPECT_EQ(*wait(400, ReadPolicy::proven), 0);
}

}  // namespace
}  // namespace entrepot::cache
