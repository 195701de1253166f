// SPDX-License-Identifier: Apache-2.0
#include "cache/progress.h"

#include <gtest/gtest.h>

#include "tests/fakes/hand_executor.h"

namespace entrepot::cache {
namespace {

using Reach = Progress::Reach;

class ProgressTest : public testing::Test {
 protected:
  /// Whether somebody who waits there has been woken.
  std::shared_ptr<int> wait(std::uint64_t offset, Reach reach) {
    auto woken = std::make_shared<int>(0);
    progress.wait(offset, reach, executor, [woken] { ++*woken; });
    executor.run();
    return woken;
  }

  fakes::HandExecutor executor;
  Progress progress{1000, 100};
};

TEST_F(ProgressTest, WhatArrivesInOrderIsReadableButForTheTail) {
  progress.release(500);
  EXPECT_EQ(progress.readable(0, Reach::proven), 500U);
  EXPECT_EQ(progress.readable(499, Reach::pieces), 500U);
  EXPECT_EQ(progress.readable(500, Reach::proven), 500U);
  EXPECT_EQ(progress.readable(700, Reach::proven), 700U) << "nothing there";
  progress.release(950);
  EXPECT_EQ(progress.readable(0, Reach::proven), 900U);
  EXPECT_EQ(progress.readable(900, Reach::proven), 900U);
  EXPECT_EQ(progress.readable(900, Reach::pieces), 950U);
  EXPECT_EQ(progress.readable(950, Reach::proven), 950U);
  progress.finish(Progress::State::whole);
  EXPECT_EQ(progress.readable(0, Reach::proven), 1000U);
}

TEST_F(ProgressTest, PiecesAreReadableWhereTheyLie) {
  progress.release(Span{300, 400});
  progress.release(Span{880, 1000});
  for (const auto reach : {Reach::proven, Reach::pieces}) {
    EXPECT_EQ(progress.readable(0, reach), 0U);
    EXPECT_EQ(progress.readable(300, reach), 400U);
    EXPECT_EQ(progress.readable(399, reach), 400U);
    EXPECT_EQ(progress.readable(400, reach), 400U);
  }
  EXPECT_EQ(progress.readable(890, Reach::proven), 900U);
  EXPECT_EQ(progress.readable(890, Reach::pieces), 1000U);
  EXPECT_EQ(progress.readable(990, Reach::proven), 990U);
}

TEST_F(ProgressTest, WhoWaitsIsWokenByWhatItWaitsFor) {
  const auto beginning = wait(0, Reach::proven);
  const auto middle = wait(300, Reach::proven);
  const auto tail = wait(950, Reach::proven);
  const auto piece = wait(950, Reach::pieces);
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
  EXPECT_EQ(*beginning + *middle + *piece, 3) << "once each";
}

TEST_F(ProgressTest, WhatIsThereIsNotWaitedFor) {
  progress.release(Span{300, 400});
  EXPECT_EQ(*wait(350, Reach::proven), 1);
  EXPECT_EQ(*wait(400, Reach::proven), 0);
}

}  // namespace
}  // namespace entrepot::cache
