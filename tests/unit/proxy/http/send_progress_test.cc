// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/send_progress.h"

#include <gtest/gtest.h>

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Simulates ten minutes of a client that acknowledges `bytes` every `pause`, checked four times a
/// second. Returns the time after which it is too slow; zero: never.
milliseconds kept(std::uint64_t bytes, milliseconds pause, std::uint64_t at_first = 0) {
  const auto start = SendProgress::Clock::time_point(seconds(1));
  SendProgress progress{seconds(60)};
  progress.begin(start, 0);
  for (milliseconds passed(0); passed < std::chrono::minutes(10); passed += milliseconds(250)) {
    const auto times = static_cast<std::uint64_t>(passed / pause);
    const auto now = start + passed;
    if (progress.due(now) && progress.too_slow(now, at_first + times * bytes)) return passed;
  }
  return milliseconds(0);
}

TEST(SendProgress, AClientThatTakesNoBytesIsTooSlowAfterAPeriod) {
  EXPECT_EQ(kept(0, seconds(1)), seconds(60));
}

TEST(SendProgress, AByteAMinuteIsTooSlow) { EXPECT_EQ(kept(1, seconds(59)), seconds(60)); }

TEST(SendProgress, AFewHundredBytesASecondAreTooSlow) {
  EXPECT_EQ(kept(600, seconds(1)), seconds(60));
}

TEST(SendProgress, AModemIsFastEnough) {
  EXPECT_EQ(kept(3 * 1024, seconds(1)), seconds(0));
  EXPECT_EQ(kept(3 * 1024 * 40, seconds(40)), seconds(0))
      << "bursts with this average are fast enough, too";
}

TEST(SendProgress, BytesOfOnePeriodDoNotCountInTheNext) {
  const auto cut = kept(0, seconds(1), 100 << 20);
  EXPECT_GT(cut, seconds(60));
  EXPECT_LE(cut, seconds(60) + seconds(15) + milliseconds(250));
}

TEST(SendProgress, TimeWithoutBytesToTakeDoesNotCount) {
  const auto start = SendProgress::Clock::time_point(seconds(1));
  SendProgress progress{seconds(60)};
  progress.begin(start, 0);
  progress.idle(start + seconds(50));
  EXPECT_FALSE(progress.due(start + seconds(60)));
  EXPECT_FALSE(progress.too_slow(start + seconds(109), 0));
  EXPECT_TRUE(progress.too_slow(start + seconds(110), 0));
}

}  // namespace
}  // namespace entrepot::http
