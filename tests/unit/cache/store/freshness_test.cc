// SPDX-License-Identifier: Apache-2.0
#include "cache/store/freshness.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace entrepot::cache {
namespace {

TEST(Freshness, IsAFunctionOfAge) {
  using std::chrono::seconds;
  const auto at = [](int age) { return judge(seconds(age), seconds(60), seconds(600)); };
  EXPECT_EQ(at(0), Freshness::fresh);
  EXPECT_EQ(at(47), Freshness::fresh);
  EXPECT_EQ(at(48), Freshness::grace);
  EXPECT_EQ(at(59), Freshness::grace);
  EXPECT_EQ(at(60), Freshness::due);
  EXPECT_EQ(at(660), Freshness::due);
  EXPECT_EQ(at(661), Freshness::expired);
  EXPECT_EQ(judge(seconds(0), seconds(0), seconds(10)), Freshness::due);
  EXPECT_EQ(judge(seconds(1), seconds(0), seconds(10)), Freshness::due);
}

}  // namespace
}  // namespace entrepot::cache
