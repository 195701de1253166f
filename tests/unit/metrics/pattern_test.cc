// SPDX-License-Identifier: Apache-2.0
#include "metrics/pattern.h"

#include <gtest/gtest.h>

namespace entrepot {
namespace {

TEST(Pattern, MatchesAnyPartOfTheText) {
  const Pattern version("^v?[0-9]+\\.[0-9]+$");
  EXPECT_EQ(version.error(), "");
  EXPECT_TRUE(version.matches("v1.25"));
  EXPECT_FALSE(version.matches("v1.25-alpine"));
  EXPECT_TRUE(Pattern("alpine").matches("v1.25-alpine"));
  EXPECT_TRUE(Pattern("(?:a|b){2,3}\\d\\b").matches("x-aba7"));
}

TEST(Pattern, NeverBacktracks) {
  const Pattern pattern("^(a+)+$");  // takes 2^n steps in a backtracking implementation
  EXPECT_TRUE(pattern.matches(std::string(100'000, 'a')));
  EXPECT_FALSE(pattern.matches(std::string(100'000, 'a') + "b"));
}

TEST(Pattern, RejectsPatternsThatNeedBacktracking) {
  for (const char* pattern :
       {"(a)\\1", "a(?=b)", "a(?!b)", "(?<=a)b", "(open", "[", "a**", "\\u0041"})
    EXPECT_NE(Pattern(pattern).error(), "") << pattern;
}

TEST(Pattern, RejectsTooLargePrograms) {
  const Pattern pattern("((a{100}){100}){100}");
  EXPECT_NE(pattern.error(), "");
  EXPECT_FALSE(pattern.matches("a"));
}

}  // namespace
}  // namespace entrepot
