// SPDX-License-Identifier: Apache-2.0
#include "cache/content/gathered_body.h"

#include <gtest/gtest.h>

#include <string_view>

namespace entrepot::cache {
namespace {

auto bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(GatheredBodyTest, GathersInOrder) {
  GatheredBody body;
  EXPECT_TRUE(body.empty());
  EXPECT_TRUE(body.add(0, bytes_of("abc"), 6));
  EXPECT_TRUE(body.add(3, bytes_of("def"), 6));
  EXPECT_EQ(body.bytes(), "abcdef");
  EXPECT_EQ(body.take(), "abcdef");
  EXPECT_TRUE(body.empty());
}

TEST(GatheredBodyTest, RepeatedBytesReplaceTheEarlierOnes) {
  GatheredBody body;
  body.add(0, bytes_of("abcdef"), 9);
  EXPECT_TRUE(body.add(2, bytes_of("CDEFG"), 9));
  EXPECT_EQ(body.bytes(), "abCDEFG");
}

TEST(GatheredBodyTest, RejectsMoreThanTheLimit) {
  GatheredBody body;
  EXPECT_TRUE(body.add(0, bytes_of("abc"), 3));
  EXPECT_FALSE(body.add(3, bytes_of("d"), 3));
}

TEST(GatheredBodyDeathTest, AHoleIsABug) {
  GatheredBody body;
  EXPECT_EXIT(body.add(1, bytes_of("b"), 9), testing::ExitedWithCode(70), "fetches leave no holes");
}

}  // namespace
}  // namespace entrepot::cache
