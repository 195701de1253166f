// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/negative_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

TEST(NegativeTable, IsBoundedAndForgetsInTime) {
  NegativeTable table;
  const SteadyTime now{std::chrono::hours(1)};
  const auto later = now + std::chrono::seconds(10);
  for (std::size_t i = 0; i <= NegativeTable::max_entries; ++i) {
    table.put(std::to_string(i), {FailureKind::not_found, ""}, later, now);
  }
  EXPECT_FALSE(table.find("0", now));
  const auto last = std::to_string(NegativeTable::max_entries);
  EXPECT_TRUE(table.find(last, now));
  EXPECT_FALSE(table.find(last, later));
}

}  // namespace
}  // namespace entrepot::cache
