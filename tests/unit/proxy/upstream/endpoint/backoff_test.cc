// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/backoff.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, GrowsToItsLimitAndVaries) {
  std::uint64_t random = 7;
  std::vector<milliseconds> waits;
  for (int i = 0; i < 100; ++i) {
    waits.push_back(backoff_delay(30, milliseconds(100), milliseconds(800), random));
    EXPECT_GE(waits.back(), milliseconds(600));
    EXPECT_LE(waits.back(), milliseconds(1000));
  }
  EXPECT_NE(*std::min_element(waits.begin(), waits.end()),
            *std::max_element(waits.begin(), waits.end()));
  EXPECT_EQ(backoff_delay(3, milliseconds(0), milliseconds(0), random), milliseconds(0));
}

}  // namespace
}  // namespace entrepot::upstream
