// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/move_rule.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

// 1000 bytes at 100 bytes per second take 10 seconds.
constexpr double rate = 100;
constexpr std::uint64_t bytes_left = 1000;

TEST(MoveRuleTest, MovesAfterTwoSlowSecondsInARow) {
  MoveRule rule(1);
  EXPECT_FALSE(rule.second(rate, bytes_left, 2));
  EXPECT_FALSE(rule.second(rate, bytes_left, 3));
  EXPECT_FALSE(rule.second(rate, bytes_left, 2));
  rule.restart();
  EXPECT_FALSE(rule.second(rate, bytes_left, 2));
  EXPECT_FALSE(rule.exhausted());
  EXPECT_TRUE(rule.second(rate, bytes_left, 2));
  EXPECT_TRUE(rule.exhausted());
}

TEST(MoveRuleTest, StaysWhereLittleIsLeft) {
  MoveRule rule(1);
  for (int second = 0; second < 5; ++second) EXPECT_FALSE(rule.second(rate, 300, 0.1));
}

TEST(MoveRuleTest, StaysWhereThereIsNoOtherEndpoint) {
  MoveRule rule(1);
  for (int second = 0; second < 5; ++second) EXPECT_FALSE(rule.second(rate, bytes_left, -1));
}

TEST(MoveRuleTest, ABodyThatStandsStillIsSlow) {
  MoveRule rule(2);
  EXPECT_FALSE(rule.second(0, bytes_left, 2));
  EXPECT_TRUE(rule.second(0, bytes_left, 2));
  EXPECT_FALSE(rule.exhausted());
}

}  // namespace
}  // namespace entrepot::upstream
