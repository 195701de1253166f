// SPDX-License-Identifier: Apache-2.0
#include "metrics/pattern.h"

#include <gtest/gtest.h>

namespace entrepot {
namespace {

TEST(Pattern, IsSearchedFor) {
  const Pattern version("^v?[0-9]+\\.[0-9]+$");
  EXPECT_EQ(version.fault(), "");
  EXPECT_TRUE(version.found_in("v1.25"));
  EXPECT_FALSE(version.found_in("v1.25-alpine"));
  EXPECT_TRUE(Pattern("alpine").found_in("v1.25-alpine"));
  EXPECT_TRUE(Pattern("(?:a|b){2,3}\\d\\b").found_in("x-aba7"));
}

TEST(Pattern, BacktracksNowhere) {
  const Pattern pattern("^(a+)+$");  // time in 2^n for who tries one way after the other
  EXPECT_TRUE(pattern.found_in(std::string(100'000, 'a')));
  EXPECT_FALSE(pattern.found_in(std::string(100'000, 'a') + "b"));
}

TEST(Pattern, WhatNeedsBacktrackingIsAFault) {
  for (const char* pattern :
       {"(a)\\1", "a(?=b)", "a(?!b)", "(?<=a)b", "(open", "[", "a**", "\\u0041"})
    EXPECT_NE(Pattern(pattern).fault(), "") << pattern;
}

TEST(Pattern, AProgramTooLargeIsAFault) {
  const Pattern pattern("((a{100}){100}){100}");
  EXPECT_NE(pattern.fault(), "");
  EXPECT_FALSE(pattern.found_in("a"));
}

}  // namespace
}  // namespace entrepot
