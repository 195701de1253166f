// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status/hour_figures.h"

#include <gtest/gtest.h>

namespace entrepot::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr cache::SteadyTime start{std::chrono::hours(1000)};

/// `n` of each.
metrics::Counts counts(std::uint64_t n) {
  return {.requests = n,
          .hits = n,
          .errors = n,
          .served_bytes = n,
          .fetched_bytes = n,
          .disk_errors = n,
          .mismatches = n};
}

TEST(HourFigures, CoverTheWholeLifeOfAYoungProcess) {
  HourFigures hour(start);
  EXPECT_EQ(hour.until(start, counts(0)).span, seconds(0));
  EXPECT_EQ(hour.until(start + seconds(7), counts(3)).span, seconds(7));
  EXPECT_EQ(hour.until(start + seconds(7), counts(3)).counts, counts(3));
  for (int minute = 1; minute < 60; ++minute) hour.add(start + minutes(minute), counts(10));
  EXPECT_EQ(hour.until(start + minutes(59), counts(11)).counts, counts(11));
  EXPECT_EQ(hour.until(start + minutes(59), counts(11)).span, minutes(59));
}

TEST(HourFigures, ForgetWhatIsOlderThanAnHour) {
  HourFigures hour(start);
  for (unsigned minute = 1; minute <= 1000; ++minute) {
    const auto now = start + minutes(minute);
    hour.add(now, counts(minute));
    if (minute < 61) continue;
    ASSERT_EQ(hour.until(now, counts(minute)).counts, counts(60)) << minute;
    ASSERT_EQ(hour.until(now, counts(minute)).span, minutes(60)) << minute;
    // Between two samples.
    ASSERT_EQ(hour.until(now + seconds(59), counts(minute + 1)).counts, counts(61)) << minute;
  }
}

TEST(HourFigures, TakeOneSampleAMinute) {
  HourFigures hour(start);
  EXPECT_FALSE(hour.due(start + seconds(59)));
  EXPECT_TRUE(hour.due(start + seconds(60)));
  for (unsigned second = 1; second <= 7230; ++second)
    hour.add(start + seconds(second), counts(second));
  EXPECT_EQ(hour.until(start + seconds(7230), counts(7230)).counts, counts(3630));
}

TEST(HourFigures, SurviveAnHourWithoutASample) {
  HourFigures hour(start);
  hour.add(start + minutes(1), counts(1));
  hour.add(start + minutes(500), counts(2));
  const auto figures = hour.until(start + minutes(501), counts(3));
  EXPECT_EQ(figures.counts, counts(2)) << "the latest sample that is at least an hour old";
  EXPECT_EQ(figures.span, minutes(500));
}

}  // namespace
}  // namespace entrepot::app
