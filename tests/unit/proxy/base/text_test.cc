// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot {
namespace {

TEST(Text, ComparesAsciiWithoutCase) {
  EXPECT_TRUE(equals_ignoring_case("Content-Type", "cONTENT-tYPE"));
  EXPECT_FALSE(equals_ignoring_case("content-type", "content-typ"));
  EXPECT_FALSE(equals_ignoring_case("\xc4", "\xe4")) << "no letters of other alphabets";
  EXPECT_EQ(lower_case("A-Z_\xc4"), "a-z_\xc4");
}

TEST(Text, ClassifiesTokensAndDigits) {
  for (const char c : std::string("azAZ09!#$%&'*+-.^_`|~")) EXPECT_TRUE(is_token_char(c)) << c;
  for (const char c : std::string(" \t\"(),/:;<=>?@[\\]{}\x7f\x80") + '\0')
    EXPECT_FALSE(is_token_char(c)) << static_cast<int>(c);
  EXPECT_EQ(hex_value('f'), 15);
  EXPECT_EQ(hex_value('F'), 15);
  EXPECT_EQ(hex_value('9'), 9);
  EXPECT_EQ(hex_value('g'), -1);
}

TEST(Text, TrimsOptionalWhitespaceOnly) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim("\r\n"), "\r\n");
  EXPECT_EQ(trim(" \t "), "");
}

TEST(Text, SplitsListsOutsideQuotedStrings) {
  std::string_view list = " a, \"b,\\\"c\" ,,d";
  EXPECT_EQ(next_element(list), "a");
  EXPECT_EQ(next_element(list), "\"b,\\\"c\"");
  EXPECT_EQ(next_element(list), "");
  EXPECT_EQ(next_element(list), "d");
  EXPECT_TRUE(list.empty());
}

TEST(Text, ParsesNumbersOfDigitsOnly) {
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "18446744073709551616", "+1", "-1", " 1", "1 ", "1a", "0x1"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(Text, PercentEncodesAllButUnreservedAndKeptCharacters) {
  EXPECT_EQ(percent_encode("a-._~Z9 /\xff"), "a-._~Z9%20%2F%FF");
  EXPECT_EQ(percent_encode("a/b c", "/"), "a/b%20c");
}

TEST(Text, ExcerptsContainNoControlCharacters) {
  EXPECT_EQ(printable_excerpt("a\r\nb\x7f\xff", 10), "a??b??");
  EXPECT_EQ(printable_excerpt("abcdef", 3), "abc");
}

}  // namespace
}  // namespace entrepot
