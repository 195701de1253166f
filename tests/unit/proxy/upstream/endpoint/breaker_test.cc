// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/breaker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BreakerTest, OpensDoublesProbesAndCloses) {
  Breaker::Time now{};
  Breaker breaker({.threshold = 3, .shortest = milliseconds(400), .longest = milliseconds(1000)},
                  1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(breaker.admit(now).count(), 0);
    EXPECT_FALSE(breaker.open());
    breaker.failed(now);
  }
  EXPECT_TRUE(breaker.open());
  const auto first = breaker.admit(now);
  EXPECT_GE(first, milliseconds(300));
  EXPECT_LE(first, milliseconds(500));
  breaker.failed(now);  // an attempt begun before it opened: no doubling
  EXPECT_EQ(breaker.admit(now), first);

  now += first;
  EXPECT_EQ(breaker.admit(now).count(), 0) << "no probe";
  EXPECT_GT(breaker.admit(now).count(), 0) << "two probes at once";
  breaker.failed(now);
  EXPECT_GE(breaker.admit(now), milliseconds(600));

  now += seconds(2);
  EXPECT_EQ(breaker.admit(now).count(), 0);
  breaker.abandoned();
  EXPECT_EQ(breaker.admit(now).count(), 0) << "an abandoned probe blocks the next";
  breaker.failed(now);
  EXPECT_LE(breaker.admit(now), milliseconds(1250)) << "longer than the longest";

  now += seconds(2);
  EXPECT_EQ(breaker.admit(now).count(), 0);
  breaker.answered();
  EXPECT_FALSE(breaker.open());
  EXPECT_EQ(breaker.admit(now).count(), 0);
  EXPECT_EQ(breaker.admit(now).count(), 0);
}

TEST(BreakerTest, AnAnswerToAnOlderAttemptClosesIt) {
  Breaker::Time now{};
  Breaker breaker({.threshold = 2, .shortest = milliseconds(400), .longest = milliseconds(1000)},
                  1);
  breaker.failed(now);
  breaker.failed(now);
  EXPECT_FALSE(breaker.admits(now));
  breaker.answered();
  EXPECT_TRUE(breaker.admits(now));
  breaker.failed(now);
  EXPECT_FALSE(breaker.open()) << "failures from before the answer count";
}

}  // namespace
}  // namespace entrepot::upstream
