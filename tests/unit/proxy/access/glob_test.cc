// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/glob.h"

#include <fnmatch.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace entrepot::access {
namespace {

using testing::HasSubstr;
using testing::Optional;

bool glob_matches(std::string_view pattern, std::string_view text) {
  EXPECT_EQ(Glob::fault(pattern), std::nullopt) << pattern;
  return Glob(pattern).matches(text);
}

TEST(Glob, Literal) {
  EXPECT_TRUE(glob_matches("docker.io/library/alpine", "docker.io/library/alpine"));
  EXPECT_FALSE(glob_matches("docker.io/library/alpine", "docker.io/library/alpine2"));
  EXPECT_FALSE(glob_matches("docker.io/library/alpine", "docker.io/library/alpin"));
  EXPECT_FALSE(glob_matches("docker.io", "dockerxio"));
  EXPECT_FALSE(glob_matches("ci", "CI"));
}

TEST(Glob, AsteriskAtTheEnd) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("*", "anything/at/all"));
  EXPECT_TRUE(glob_matches("docker.io/library/*", "docker.io/library/a/b"));
  EXPECT_TRUE(glob_matches("docker.io/library/*", "docker.io/library/"));
  EXPECT_FALSE(glob_matches("docker.io/library/*", "docker.io/library"));
  EXPECT_FALSE(glob_matches("docker.io/library/*", "docker.io/librarian/a"));
}

TEST(Glob, AsteriskBetweenTexts) {
  EXPECT_TRUE(glob_matches("docker.io/*/base", "docker.io/team/base"));
  EXPECT_TRUE(glob_matches("docker.io/*/base", "docker.io/a/b/base"));
  EXPECT_FALSE(glob_matches("docker.io/*/base", "docker.io/team/basement"));
  // Its two ends must not share a character of the text.
  EXPECT_FALSE(glob_matches("docker.io/*/base", "docker.io/base"));
  EXPECT_TRUE(glob_matches("aba*aba", "abaaba"));
  EXPECT_FALSE(glob_matches("aba*aba", "ababa"));
}

TEST(Glob, SpecialCharactersAnywhere) {
  EXPECT_TRUE(glob_matches("*/miner*", "acme/miner-2"));
  EXPECT_TRUE(glob_matches("*/miner*", "a/b/miner"));
  EXPECT_FALSE(glob_matches("*/miner*", "miner"));
  EXPECT_TRUE(glob_matches("node-?", "node-1"));
  EXPECT_FALSE(glob_matches("node-?", "node-12"));
  EXPECT_TRUE(glob_matches("node-[0-3]", "node-2"));
  EXPECT_FALSE(glob_matches("node-[!0-3]", "node-2"));
  EXPECT_TRUE(glob_matches("a\\*", "a*"));
  EXPECT_FALSE(glob_matches("a\\*", "ab"));
  EXPECT_TRUE(glob_matches("*.example", ".example"));
}

TEST(Glob, LongTexts) {
  const std::string fits(Glob::longest_text, 'a');
  EXPECT_TRUE(glob_matches("a*a*", fits));
  EXPECT_FALSE(glob_matches("a*a*", fits + "a"));
  EXPECT_TRUE(glob_matches("a*a", fits + "a"));
  EXPECT_TRUE(glob_matches("a*", fits + "a"));
}

// The forms that do not call fnmatch() give its answers.
TEST(Glob, AnswersAsFnmatch) {
  std::mt19937 random(1);
  const std::string letters = "ab/*?[]\\";
  const auto word = [&](std::size_t alphabet) {
    std::string text(random() % 7, ' ');
    for (char& c : text) c = letters[random() % alphabet];
    return text;
  };
  int matched = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = word(i % 2 == 0 ? 4 : letters.size());
    const std::string text = word(3);
    if (Glob::fault(pattern)) continue;
    const bool expected = ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    ASSERT_EQ(Glob(pattern).matches(text), expected) << pattern << " " << text;
    matched += expected;
  }
  EXPECT_GT(matched, 1000);
}

TEST(Glob, Faults) {
  EXPECT_THAT(Glob::fault(""), Optional(HasSubstr("empty")));
  EXPECT_THAT(Glob::fault("a\nb"), Optional(HasSubstr("control character")));
  EXPECT_THAT(Glob::fault(std::string_view("a\0b", 3)), Optional(HasSubstr("control character")));
  EXPECT_THAT(Glob::fault("a\\"), Optional(HasSubstr("backslash")));
  EXPECT_THAT(Glob::fault("a[b"), Optional(HasSubstr("without \"]\"")));
  EXPECT_THAT(Glob::fault("a[]"), Optional(HasSubstr("without \"]\"")));
  EXPECT_THAT(Glob::fault("a[!]"), Optional(HasSubstr("without \"]\"")));
  EXPECT_EQ(Glob::fault("a\\[b"), std::nullopt);
  EXPECT_EQ(Glob::fault("[]]"), std::nullopt);
  EXPECT_EQ(Glob::fault("team b"), std::nullopt);
  EXPECT_EQ(Glob::fault(std::string(Glob::longest_pattern, 'a')), std::nullopt);
  EXPECT_THAT(Glob::fault(std::string(Glob::longest_pattern + 1, 'a')),
              Optional(HasSubstr("longer than 512")));
}

}  // namespace
}  // namespace entrepot::access
