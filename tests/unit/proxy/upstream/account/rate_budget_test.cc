// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/rate_budget.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr RateBudget::Time begin{hours(1000)};

ResponseHead saying(const std::string& limit, const std::string& remaining) {
  ResponseHead head;
  head.ratelimit_limit = limit;
  head.ratelimit_remaining = remaining;
  return head;
}

TEST(RateBudget, NothingIsKnownAtFirst) {
  RateBudget budget;
  EXPECT_EQ(budget.remaining(begin), std::nullopt);
  EXPECT_FALSE(budget.low_on_quota(begin));
  budget.update(saying("100;w=60", ""), begin);
  budget.update(saying("100;w=60", "many"), begin);
  EXPECT_EQ(budget.remaining(begin), std::nullopt);
}

TEST(RateBudget, ATenthIsFew) {
  RateBudget budget;
  budget.update(saying("100;w=21600", "11;w=21600"), begin);
  EXPECT_EQ(budget.remaining(begin), 11U);
  EXPECT_FALSE(budget.low_on_quota(begin));
  budget.update(saying("100;w=21600", "10;w=21600"), begin);
  EXPECT_TRUE(budget.low_on_quota(begin));
  budget.update(saying("100;w=21600", "90;w=21600"), begin);
  EXPECT_FALSE(budget.low_on_quota(begin));
}

TEST(RateBudget, TenRequestsOfAnUnknownLimitAreFew) {
  RateBudget budget;
  budget.update(saying("", "11"), begin);
  EXPECT_FALSE(budget.low_on_quota(begin));
  budget.update(saying("", "10"), begin);
  EXPECT_TRUE(budget.low_on_quota(begin));
}

TEST(RateBudget, IsForgottenWithItsWindow) {
  RateBudget budget;
  budget.update(saying("100;w=60", "0"), begin);
  EXPECT_TRUE(budget.low_on_quota(begin + seconds(59)));
  EXPECT_FALSE(budget.low_on_quota(begin + seconds(60)));
  EXPECT_EQ(budget.remaining(begin + seconds(60)), std::nullopt);
  budget.update(saying("", "0;w=30000000"), begin);
  EXPECT_TRUE(budget.low_on_quota(begin + hours(23)));
  EXPECT_FALSE(budget.low_on_quota(begin + hours(25)))
      << "no window is believed to be longer than a day";
}

}  // namespace
}  // namespace entrepot::upstream
