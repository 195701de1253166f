// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/body_meter.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using std::chrono::seconds;

class BodyMeterTest : public testing::Test {
 protected:
  Client client_{quick_options("http://127.0.0.1:1")};
  EndpointStats stats_;
  BodyMeter meter_{stats_, client_.series()};
  const BodyMeter::Time begin_{seconds(1000)};
};

TEST_F(BodyMeterTest, ReportsTheRateOfEachSecond) {
  meter_.begin(begin_);
  EXPECT_TRUE(meter_.running());
  EXPECT_EQ(stats_.estimate(begin_).bodies, 1);
  meter_.count(3000);
  meter_.count(1000);
  EXPECT_EQ(meter_.second(begin_ + seconds(2)), 2000);
  EXPECT_EQ(stats_.rate().count(), 1U);
  EXPECT_EQ(meter_.second(begin_ + seconds(3)), 0);
  meter_.stop();
  EXPECT_FALSE(meter_.running());
  EXPECT_EQ(stats_.estimate(begin_).bodies, 0);
}

TEST_F(BodyMeterTest, SkipsSecondsInWhichTheBodyWasHeld) {
  meter_.begin(begin_);
  meter_.count(1000);
  meter_.hold(true);
  EXPECT_EQ(meter_.second(begin_ + seconds(1)), std::nullopt);
  meter_.hold(false);
  EXPECT_EQ(meter_.second(begin_ + seconds(2)), std::nullopt);
  meter_.count(500);
  EXPECT_EQ(meter_.second(begin_ + seconds(3)), 500);
  EXPECT_EQ(stats_.rate().count(), 1U);
}

TEST_F(BodyMeterTest, TheEndOfAShortBodySaysNothing) {
  meter_.begin(begin_);
  meter_.count(BodyMeter::least_measured - 1);
  meter_.complete(begin_ + seconds(1));
  EXPECT_EQ(stats_.rate().count(), 0U);
  meter_.begin(begin_);
  meter_.count(BodyMeter::least_measured);
  meter_.complete(begin_ + seconds(1));
  EXPECT_EQ(stats_.rate().count(), 1U);
  EXPECT_EQ(stats_.estimate(begin_).bodies, 0);
}

TEST_F(BodyMeterTest, ADestroyedMeterEndsItsBody) {
  {
    BodyMeter meter(stats_, client_.series());
    meter.begin(begin_);
    EXPECT_EQ(stats_.estimate(begin_).bodies, 1);
  }
  EXPECT_EQ(stats_.estimate(begin_).bodies, 0);
  meter_.stop();
  meter_.complete(begin_);
  EXPECT_EQ(stats_.estimate(begin_).bodies, 0);
}

}  // namespace
}  // namespace entrepot::upstream
