// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/rate_budget.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr RateBudget::Time now{hours(1000)};

ResponseHead saying(const std::string& limit, const std::string& remaining) {
  ResponseHead head;
  head.ratelimit_limit = limit;
  head.ratelimit_remaining = remaining;
  return head;
}

TEST(RateBudget, NothingIsKnownAtFirst) {
  RateBudget budget;
  EXPECT_EQ(budget.remaining(now), std::nullopt);
  EXPECT_FALSE(budget.scarce(now));
  budget.told(saying("100;w=60", ""), now);
  budget.told(saying("100;w=60", "many"), now);
  EXPECT_EQ(budget.remaining(now), std::nullopt);
}

TEST(RateBudget, ATenthIsFew) {
  RateBudget budget;
  budget.told(saying("100;w=21600", "11;w=21600"), now);
  EXPECT_EQ(budget.remaining(now), 11U);
  EXPECT_FALSE(budget.scarce(now));
  budget.told(saying("100;w=21600", "10;w=21600"), now);
  EXPECT_TRUE(budget.scarce(now));
  budget.told(saying("100;w=21600", "90;w=21600"), now);
  EXPECT_FALSE(budget.scarce(now));
}

TEST(RateBudget, OfAnUnknownLimitTenAreFew) {
  RateBudget budget;
  budget.told(saying("", "11"), now);
  EXPECT_FALSE(budget.scarce(now));
  budget.told(saying("", "10"), now);
  EXPECT_TRUE(budget.scarce(now));
}

TEST(RateBudget, IsForgottenWithItsWindow) {
  RateBudget budget;
  budget.told(saying("100;w=60", "0"), now);
  EXPECT_TRUE(budget.scarce(now + seconds(59)));
  EXPECT_FALSE(budget.scarce(now + seconds(60)));
  EXPECT_EQ(budget.remaining(now + seconds(60)), std::nullopt);
  budget.told(saying("", "0;w=30000000"), now);
  EXPECT_TRUE(budget.scarce(now + hours(23)));
  EXPECT_FALSE(budget.scarce(now + hours(25))) << "no window is believed to be longer than a day";
}

}  // namespace
}  // namespace entrepot::upstream
