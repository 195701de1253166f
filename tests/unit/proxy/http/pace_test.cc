// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace entrepot::http {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t mib = 1 << 20;

class PaceTest : public testing::Test {
 protected:
  Pace::Clock::time_point now{std::chrono::hours(5)};
};

TEST_F(PaceTest, ABurstDepartsAtOnceAndThenTheRate) {
  Pace pace(mib);
  EXPECT_LE(pace.reserve(mib / 8, now), now);
  EXPECT_LE(pace.reserve(mib / 8, now), now);
  EXPECT_LE(pace.reserve(mib, now), now) << "the burst is just over";
  EXPECT_EQ(pace.reserve(mib, now), now + seconds(1));
  EXPECT_EQ(pace.reserve(1, now), now + seconds(2));
}

TEST_F(PaceTest, KeepsNoMoreThanTheBurst) {
  Pace pace(mib);
  pace.reserve(1, now);
  now += seconds(100);
  EXPECT_EQ(pace.reserve(mib, now), now - milliseconds(250));
  EXPECT_EQ(pace.reserve(1, now), now + milliseconds(750));
}

TEST_F(PaceTest, ReservationsDepartInTheirOrder) {
  Pace pace(mib);
  auto last = pace.reserve(mib, now);
  for (int i = 0; i < 100; ++i) {
    const auto next = pace.reserve(1024, now);
    EXPECT_GT(next, last) << i;
    last = next;
  }
}

TEST_F(PaceTest, BytesThatAreGivenBackAreFreeAgain) {
  Pace pace(mib);
  pace.reserve(10 * mib, now);
  pace.give_back(10 * mib);
  EXPECT_TRUE(pace.rested(now));
  EXPECT_LE(pace.reserve(mib / 4, now), now);
}

TEST_F(PaceTest, IsRestedWhenItsBurstIsWholeAgain) {
  Pace pace(mib);
  EXPECT_TRUE(pace.rested(now));
  pace.reserve(mib / 4, now);
  now += milliseconds(249);
  EXPECT_FALSE(pace.rested(now));
  now += milliseconds(1);
  EXPECT_TRUE(pace.rested(now));
}

TEST_F(PaceTest, PartsAreSmallForASlowRate) {
  EXPECT_EQ(Pace(Pace::least_rate).part(), 16U * 1024);
  EXPECT_EQ(Pace(2 * mib).part(), 32U * 1024);
  EXPECT_EQ(Pace(std::uint64_t{1} << 40).part(), 256U * 1024);
}

TEST_F(PaceTest, WithoutARateAllBytesDepartAtOnce) {
  Pace pace(0);
  EXPECT_EQ(pace.reserve(1000 * mib, now), now);
  EXPECT_EQ(pace.reserve(1000 * mib, now), now);
  EXPECT_TRUE(pace.rested(now));
  EXPECT_EQ(pace.part(), 256U * 1024);
}

TEST_F(PaceTest, AnotherRateCountsFromTheNextReservationOn) {
  Pace pace(mib);
  EXPECT_LE(pace.reserve(mib, now), now);
  pace.set_rate(4 * mib);
  EXPECT_EQ(pace.reserve(4 * mib, now), now + milliseconds(750))
      << "the time that is reserved stays";
  EXPECT_EQ(pace.reserve(1, now), now + milliseconds(1750));
  pace.set_rate(0);
  EXPECT_EQ(pace.reserve(mib, now), now);
}

// If all bytes are sent at their departures, no period has more than its rate and one burst.
TEST_F(PaceTest, NeverExceedsTheRateAndABurst) {
  std::mt19937 random(7);
  for (const std::uint64_t rate : {Pace::least_rate, 5 * mib, 10'000 * mib}) {
    Pace pace(rate);
    const auto begin = now;
    const double bytes_per_second = static_cast<double>(rate);
    const double burst = std::max(bytes_per_second / 4, static_cast<double>(Pace::least_rate));
    double reserved = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t bytes = 1 + random() % mib;
      const auto departure = pace.reserve(bytes, now);
      const double time = std::chrono::duration<double>(std::max(departure, now) - begin).count();
      // All before this one have departed by then.
      ASSERT_LE(reserved, bytes_per_second * time + burst + i) << "rounding";
      reserved += static_cast<double>(bytes);
      now += microseconds(random() % 50'000);
    }
    now += seconds(100'000);
  }
}

}  // namespace
}  // namespace entrepot::http
