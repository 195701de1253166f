// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "proxy/http/exchange.h"

namespace entrepot::http {
namespace {

/// The fields of a head with a value of 21 bytes that has `byte` at `at`.
std::string with(char byte, std::size_t at) {
  std::string value(21, 'v');
  value[at] = byte;
  return ReplyHead(200).add("Name", value).fields();
}

TEST(ReplyHead, AcceptsAllBytesExceptThree) {
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '\r' || byte == '\n') continue;
    for (const std::size_t at : {0U, 7U, 8U, 20U}) {
      std::string value(21, 'v');
      value[at] = static_cast<char>(byte);
      EXPECT_EQ(with(static_cast<char>(byte), at), "Name: " + value + "\r\n");
    }
  }
}

TEST(ReplyHeadDeathTest, ALineBreakOrNulIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char byte : {'\r', '\n', '\0'})
    for (const std::size_t at : {0U, 7U, 12U, 20U})
      EXPECT_DEATH(with(byte, at), "in a reply field") << int{byte} << " at " << at;
  // The last eight bytes overlap those before; none of them is skipped.
  EXPECT_DEATH(ReplyHead(200).add("Name", "\tvvvvvvvvvvvvv\n"), "in a reply field");
}

}  // namespace
}  // namespace entrepot::http
