// SPDX-License-Identifier: Apache-2.0
#include "cache/base/bounded_map.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace entrepot::cache {
namespace {

TEST(BoundedMap, StaysWithinCapacityAndSparesUsedEntries) {
  BoundedMap<std::string, std::string_view, int> map(16 * 100);
  for (int i = 0; i < 10'000; ++i) {
    map.put("key" + std::to_string(i), i);
    map.put("used", -1);
    EXPECT_TRUE(map.find("used"));
  }
  int kept = 0;
  for (int i = 0; i < 10'000; ++i) kept += map.find("key" + std::to_string(i)) ? 1 : 0;
  EXPECT_LE(kept, 16 * 101);
  EXPECT_GE(kept, 16 * 90);
  EXPECT_EQ(map.find("used"), -1);
}

TEST(BoundedMap, ReplacesErasesAndRejectsTooCostlyEntries) {
  BoundedMap<std::string, std::string_view, int> map(1600);
  map.put("a", 1);
  map.put("a", 2);
  EXPECT_EQ(map.find("a"), 2);
  map.erase("a");
  EXPECT_FALSE(map.find("a"));
  map.put("dear", 1, 5000);
  EXPECT_FALSE(map.find("dear"));
}

}  // namespace
}  // namespace entrepot::cache
