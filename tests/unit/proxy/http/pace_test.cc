// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t mib = 1 << 20;

class PaceTest : public testing::Test {
 protected:
  Pace::Clock::time_point now{std::chrono::hours(5)};
};

TEST_F(PaceTest, GrantsABurstAndThenTheRate) {
  Pace pace(mib);
  EXPECT_EQ(pace.take(10 * mib, now).bytes, mib / 4);
  const auto none = pace.take(10 * mib, now);
  EXPECT_EQ(none.bytes, 0U);
  EXPECT_EQ(none.wait, milliseconds(16)) << "for the least grant, 16 KiB";
  now += milliseconds(100);
  const auto granted = pace.take(10 * mib, now).bytes;
  EXPECT_GE(granted, mib / 10 - 2);
  EXPECT_LE(granted, mib / 10 + 2);
}

TEST_F(PaceTest, KeepsNoMoreThanTheBurst) {
  Pace pace(mib);
  EXPECT_EQ(pace.take(1, now).bytes, 1U);
  now += seconds(100);
  EXPECT_EQ(pace.take(10 * mib, now).bytes, mib / 4);
}

TEST_F(PaceTest, GrantsTheEndOfAReplyThatIsSmallerThanAGrant) {
  Pace pace(mib);
  pace.take(mib / 4, now);
  now += milliseconds(2);
  EXPECT_EQ(pace.take(1000, now).bytes, 1000U);
  EXPECT_EQ(pace.take(2000, now).bytes, 0U);
}

TEST_F(PaceTest, TheWaitIsEnoughForAGrant) {
  Pace pace(Pace::least_rate);
  for (int i = 0; i < 1000; ++i) {
    const auto grant = pace.take(mib, now);
    if (grant.bytes > 0) continue;
    now += grant.wait;
    ASSERT_GE(pace.take(mib, now).bytes, Pace::least_grant);
  }
}

TEST_F(PaceTest, TakesBytesBackThatWereNotSent) {
  Pace pace(mib);
  const auto grant = pace.take(mib, now);
  pace.give_back(grant.bytes);
  EXPECT_EQ(pace.take(mib, now).bytes, grant.bytes);
}

TEST_F(PaceTest, BytesThatNothingDelaysPostponeOthersForASecondAtMost) {
  Pace pace(mib);
  pace.count(100 * mib, now);
  EXPECT_EQ(pace.take(mib, now).wait, milliseconds(1016));
  now += seconds(2);
  EXPECT_EQ(pace.take(mib, now).bytes, mib / 4);
}

TEST_F(PaceTest, IsRestedWhenItsBurstIsWholeAgain) {
  Pace pace(mib);
  EXPECT_TRUE(pace.rested(now));
  pace.take(mib, now);
  EXPECT_FALSE(pace.rested(now));
  now += milliseconds(249);
  EXPECT_FALSE(pace.rested(now));
  now += milliseconds(1);
  EXPECT_TRUE(pace.rested(now));
}

// Whatever the calls, no period gets more than its rate and one burst.
TEST_F(PaceTest, NeverExceedsTheRateAndABurst) {
  std::mt19937 random(7);
  for (const std::uint64_t rate : {Pace::least_rate, 5 * mib, 10'000 * mib}) {
    Pace pace(rate);
    const auto begin = now;
    const double bytes_per_second = static_cast<double>(rate);
    const double burst = std::max(bytes_per_second / 4, static_cast<double>(Pace::least_rate));
    double sent = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t wanted = 1 + random() % (8 * mib);
      const auto granted = pace.take(wanted, now).bytes;
      ASSERT_LE(granted, wanted);
      const std::uint64_t back = random() % 4 == 0 ? granted / 2 : 0;
      pace.give_back(back);
      sent += static_cast<double>(granted - back);
      const double time = std::chrono::duration<double>(now - begin).count();
      ASSERT_LE(sent, bytes_per_second * time + burst + i) << "a byte of rounding for each call";
      now += milliseconds(random() % 50);
    }
    now += seconds(10);
  }
}

}  // namespace
}  // namespace entrepot::http
