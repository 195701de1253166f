// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/rate_gate.h"

#include <gtest/gtest.h>

#include "proxy/upstream/retry.h"

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateGateTest, PausesDoubleWhileRefusalsGoOn) {
  RateGate gate;
  RateGate::Time now{std::chrono::hours(1)};
  const auto pause = [&] { return gate.pause(now, seconds(1), seconds(5)); };
  for (const int expected : {1, 2, 4, 5, 5}) {
    EXPECT_FALSE(gate.closed(now));
    gate.sent(now);
    EXPECT_TRUE(pause());
    EXPECT_TRUE(gate.pauses());
    EXPECT_EQ(gate.closed_until() - now, seconds(expected));
    EXPECT_FALSE(pause()) << "it was under way with the other";
    gate.let_through(now);
    EXPECT_TRUE(gate.closed(now)) << "and so was this";
    now = gate.closed_until();
  }
  now += seconds(6);
  EXPECT_TRUE(pause());
  EXPECT_EQ(gate.closed_until() - now, seconds(1)) << "that was another time";
}

TEST(RateGateTest, OneQuestionTriesWhetherThePauseIsOver) {
  RateGate gate;
  RateGate::Time now{std::chrono::hours(1)};
  gate.sent(now);
  EXPECT_FALSE(gate.closed(now)) << "nothing was refused";
  gate.pause(now, seconds(1), seconds(5));
  now = gate.closed_until();
  gate.sent(now);
  EXPECT_TRUE(gate.pauses());
  EXPECT_FALSE(gate.closed(now + RateGate::trial)) << "it takes long: another may try";
  gate.let_through(now + milliseconds(1));
  EXPECT_FALSE(gate.closed(now + milliseconds(1)));
  gate.sent(now + milliseconds(1));
  EXPECT_FALSE(gate.closed(now + milliseconds(1))) << "all may";
}

TEST(RateGateTest, ANamedWaitIsNoPause) {
  RateGate gate;
  const RateGate::Time now{std::chrono::hours(1)};
  gate.pause(now, seconds(1), seconds(5));
  gate.close_until(now + seconds(60));
  EXPECT_FALSE(gate.pauses());
  gate.let_through(now + seconds(2));
  EXPECT_EQ(gate.closed_until(), now + seconds(60));
}

TEST(RetryTest, WaitsOutAPauseForSomeTries) {
  const Limits limits{.tries = 3};
  const Timeouts timeouts{.limited_for = seconds(10)};
  const Retry::Time now{};
  Retry retry(limits, timeouts, now, 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(retry.limited(seconds(1), false, now)) << "not asked";
  const auto wait = retry.limited(seconds(2), true, now);
  ASSERT_TRUE(wait);
  EXPECT_GE(*wait, seconds(2));
  EXPECT_LE(*wait, seconds(3));
  EXPECT_FALSE(retry.limited(seconds(10), false, now)) << "longer than anybody waits";
  EXPECT_TRUE(retry.limited(seconds(1), true, now));
  EXPECT_FALSE(retry.limited(seconds(1), true, now)) << "three tries";
}

}  // namespace
}  // namespace entrepot::upstream
