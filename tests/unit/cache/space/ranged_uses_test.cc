// SPDX-License-Identifier: Apache-2.0
#include "cache/space/ranged_uses.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

TEST(RangedUses, CountsOneUsePerBlobAndMinute) {
  RangedUses uses;
  const SteadyTime start{std::chrono::hours(5)};
  const auto one = sha256("one"), other = sha256("other");
  EXPECT_TRUE(uses.counts(one, start));
  EXPECT_TRUE(uses.counts(other, start));
  EXPECT_FALSE(uses.counts(one, start));
  EXPECT_FALSE(uses.counts(one, start + std::chrono::seconds(59)));
  EXPECT_TRUE(uses.counts(one, start + std::chrono::seconds(60)));
  EXPECT_FALSE(uses.counts(one, start + std::chrono::seconds(61)));
}

}  // namespace
}  // namespace entrepot::cache
