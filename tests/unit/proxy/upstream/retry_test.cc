// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/retry.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryTest, BoundsTriesAndTime) {
  const Retry::Time begun{};
  Limits limits;
  limits.tries = 3;
  Timeouts timeouts;
  timeouts.backoff_first = milliseconds(100);
  timeouts.retry_for = seconds(5);
  Retry tries(limits, timeouts, begun, 1);
  const auto first = tries.failed(begun);
  ASSERT_TRUE(first.has_value());
  EXPECT_GE(*first, milliseconds(75));
  EXPECT_LE(*first, milliseconds(125));
  const auto second = tries.failed(begun);
  ASSERT_TRUE(second.has_value());
  EXPECT_GE(*second, milliseconds(150));
  EXPECT_EQ(tries.failed(begun), std::nullopt);

  Retry late(limits, timeouts, begun, 1);
  EXPECT_EQ(late.failed(begun + seconds(5)), std::nullopt);
}

}  // namespace
}  // namespace entrepot::upstream
