// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/stall_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;

TEST(StallWatchTest, NoticesAfterOneSpanAndNotBefore) {
  StallWatch watch(milliseconds(400), 1000);  // 400 bytes in a span
  EXPECT_EQ(watch.tick_length(), milliseconds(100));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(watch.tick());
  EXPECT_TRUE(watch.tick());
}

TEST(StallWatchTest, ForgivesGapsShorterThanTheSpan) {
  StallWatch watch(milliseconds(400), 1000);
  for (int round = 0; round < 10; ++round) {
    watch.received(400);
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(watch.tick()) << round << " " << i;
  }
  EXPECT_TRUE(watch.tick());
}

TEST(StallWatchTest, NoticesADrip) {
  StallWatch watch(milliseconds(400), 1000);
  bool stalled = false;
  for (int i = 0; i < 4; ++i) {
    watch.received(99);
    stalled = watch.tick();
  }
  EXPECT_TRUE(stalled);
}

}  // namespace
}  // namespace entrepot::upstream
