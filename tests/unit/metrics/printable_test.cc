// SPDX-License-Identifier: Apache-2.0
#include "metrics/printable.h"

#include <gtest/gtest.h>

namespace entrepot {
namespace {

TEST(Printable, KeepsVisibleCharacters) {
  for (const std::string_view text : {"", "library/app:1.0 \"x\" \\", "gr\xc3\xbc\xc3\x9f",
                                      "\xe6\x97\xa5", "\xf0\x9f\x90\xb3", "\xc2\xa0"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesInterpretedCharacters) {
  EXPECT_EQ(printable("\x1b[2J\r\n\x7f"), "\\x1b[2J\\x0d\\x0a\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x80\xc2\x85\xc2\x9b\xc2\x9f"), "\\u0080\\u0085\\u009b\\u009f");
  EXPECT_EQ(printable("\xe2\x80\x8e\xe2\x80\x8f"), "\\u200e\\u200f");
  EXPECT_EQ(printable("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
  EXPECT_EQ(printable("\xe2\x80\xaa\xe2\x80\xae"), "\\u202a\\u202e");
  EXPECT_EQ(printable("\xe2\x81\xa6\xe2\x81\xa9"), "\\u2066\\u2069");
  EXPECT_EQ(printable("\xd8\x9c\xef\xbb\xbf"), "\\u061c\\ufeff");
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "\\ue0041");
}

TEST(Printable, EscapesInvalidUtf8) {
  EXPECT_EQ(printable("a\xff|\x9b|\xc3|\xc0\xaf"), "a\\xff|\\x9b|\\xc3|\\xc0\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

TEST(Printable, DecodesUtf8) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f"));
  EXPECT_FALSE(is_utf8("\xff"));
  EXPECT_FALSE(is_utf8("a\xc3"));
}

}  // namespace
}  // namespace entrepot
