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

TEST_F(SavingWatchTest, ARegistryThatReportsTwoLimitsDoesNotBeginAndEndItWithEveryResponse) {
  EXPECT_EQ(left("5;w=60", seconds(0)), Change::begins);
  for (int at = 1; at < 600; ++at)
    EXPECT_EQ(left(at % 2 == 0 ? "5;w=60" : "40;w=60", seconds(at)), Change::none) << at;
}

TEST_F(SavingWatchTest, EndsAfterMinutesWithoutShortness) {
  EXPECT_EQ(left("10;w=60", seconds(0)), Change::begins);
  EXPECT_EQ(left("20;w=60", seconds(10)), Change::none) << "not ample";
  EXPECT_EQ(left("21;w=60", seconds(11)), Change::none);
  EXPECT_EQ(left("21;w=60", seconds(309)), Change::none);
  EXPECT_EQ(left("21;w=60", seconds(310)), Change::ends);
  EXPECT_EQ(left("11;w=60", seconds(311)), Change::none);
  EXPECT_EQ(left("10;w=60", seconds(312)), Change::begins);
}

TEST_F(SavingWatchTest, EndsMinutesAfterTheWindow) {
  EXPECT_EQ(left("3;w=60", seconds(0)), Change::begins);
  for (int at = 1; at < 359; ++at)
    EXPECT_EQ(watch.look(budget, begin + seconds(at)), Change::none) << at;
  EXPECT_EQ(watch.look(budget, begin + seconds(359)), Change::ends);
  EXPECT_EQ(watch.look(budget, begin + seconds(360)), Change::none);
}

TEST_F(SavingWatchTest, LastsWhileTheBudgetOfOneLoopIsLow) {
  const RateBudget other;  // of a loop that has had no response
  EXPECT_EQ(left("3;w=3600", seconds(0), "100;w=3600"), Change::begins);
  for (int at = 1; at < 1000; ++at) {
    EXPECT_EQ(watch.look(other, begin + seconds(at)), Change::none) << at;
    EXPECT_EQ(watch.look(budget, begin + seconds(at)), Change::none) << at;
  }
}

TEST_F(SavingWatchTest, CountsFromAnUnknownLimit) {
  EXPECT_EQ(left("11;w=60", seconds(0), ""), Change::none);
  EXPECT_EQ(left("10;w=60", seconds(1), ""), Change::begins);
  EXPECT_EQ(left("21;w=60", seconds(301), ""), Change::ends);
}

}  // namespace
}  // namespace entrepot::upstream
