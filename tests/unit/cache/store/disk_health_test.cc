// SPDX-License-Identifier: Apache-2.0
#include "cache/store/disk_health.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace entrepot::cache {
namespace {

class DiskHealthTest : public testing::Test {
 protected:
  fakes::FakeClock clock;
  DiskHealth health{clock, "/cache"};
};

TEST_F(DiskHealthTest, TrustsANewDisk) { EXPECT_FALSE(health.distrusted()); }

TEST_F(DiskHealthTest, TrustsAgainSomeTimeAfterAFailedWrite) {
  health.distrust();
  EXPECT_TRUE(health.distrusted());
  clock.advance(DiskHealth::distrust_for - std::chrono::milliseconds(1));
  EXPECT_TRUE(health.distrusted());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(health.distrusted());
}

TEST_F(DiskHealthTest, DistrustsAfterFiveReadErrorsWithinAMinute) {
  for (int i = 0; i < 4; ++i) health.count_read_error();
  EXPECT_FALSE(health.distrusted());
  health.count_read_error();
  EXPECT_TRUE(health.distrusted());
}

TEST_F(DiskHealthTest, IgnoresReadErrorsMoreThanAMinuteApart) {
  for (int i = 0; i < 20; ++i) {
    health.count_read_error();
    clock.advance(std::chrono::seconds(16));
    EXPECT_FALSE(health.distrusted()) << i;
  }
}

}  // namespace
}  // namespace entrepot::cache
