// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/saving_watch.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

using Change = SavingWatch::Change;
using std::chrono::seconds;

class SavingWatchTest : public testing::Test {
 protected:
  Change left(const std::string& remaining, seconds at, const std::string& limit = "100;w=60") {
    ResponseHead head;
    head.ratelimit_limit = limit;
    head.ratelimit_remaining = remaining;
    budget.update(head, begin + at);
    return watch.look(budget, begin + at);
  }

  const RateBudget::Time begin = RateBudget::Time() + std::chrono::hours(1);
  RateBudget budget;
  SavingWatch watch;
};

TEST_F(SavingWatchTest, BeginsOnceAtATenth) {
  EXPECT_EQ(watch.look(budget, begin), Change::none);
  EXPECT_EQ(left("11;w=60", seconds(0)), Change::none);
  EXPECT_EQ(left("10;w=60", seconds(1)), Change::begins);
  EXPECT_EQ(left("9;w=60", seconds(2)), Change::none);
}

TEST_F(SavingWatchTest, ASlidingWindowDoesNotBeginAndEndItWithEveryRequest) {
  EXPECT_EQ(left("10;w=60", seconds(0)), Change::begins);
  for (const auto* few : {"11;w=60", "10;w=60", "20;w=60"})
    EXPECT_EQ(left(few, seconds(1)), Change::none) << few;
  EXPECT_EQ(left("21;w=60", seconds(2)), Change::ends);
  EXPECT_EQ(left("11;w=60", seconds(3)), Change::none);
  EXPECT_EQ(left("10;w=60", seconds(4)), Change::begins);
}

TEST_F(SavingWatchTest, EndsWithTheWindow) {
  EXPECT_EQ(left("3;w=60", seconds(0)), Change::begins);
  EXPECT_EQ(watch.look(budget, begin + seconds(59)), Change::none);
  EXPECT_EQ(watch.look(budget, begin + seconds(60)), Change::ends);
  EXPECT_EQ(watch.look(budget, begin + seconds(61)), Change::none);
}

TEST_F(SavingWatchTest, CountsFromAnUnknownLimit) {
  EXPECT_EQ(left("11;w=60", seconds(0), ""), Change::none);
  EXPECT_EQ(left("10;w=60", seconds(1), ""), Change::begins);
  EXPECT_EQ(left("21;w=60", seconds(2), ""), Change::ends);
}

}  // namespace
}  // namespace entrepot::upstream
