// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/head_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/http/exchange.h"

namespace entrepot::http {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(HeadWriter, WritesItsOwnFieldsBeforeThoseOfTheHandler) {
  HeadWriter writer("Common: yes\r\n");
  ReplyHead head(206);
  head.add("Content-Range", "bytes 0-1/10").add("Age", std::uint64_t{18446744073709551615U});
  HeadWriter::Frame frame;
  frame.status = 206;
  frame.content_length = 2;
  const std::string text(writer.write(frame, head.fields()));
  EXPECT_EQ(text.find("HTTP/1.1 206 Partial Content\r\nDate: "), 0U);
  EXPECT_THAT(text, ContainsRegex("Date: [A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] "
                                  "20[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT\r\n"));
  EXPECT_THAT(text,
              EndsWith("Content-Length: 2\r\nX-Content-Type-Options: nosniff\r\nCommon: yes\r\n"
                       "Content-Range: bytes 0-1/10\r\nAge: 18446744073709551615\r\n\r\n"));
}

TEST(HeadWriter, WritesTheConnectionField) {
  HeadWriter writer("");
  HeadWriter::Frame frame;
  EXPECT_THAT(std::string(writer.write(frame, "")), Not(HasSubstr("Connection")));
  EXPECT_THAT(std::string(writer.write(frame, "")), Not(HasSubstr("Content-Length")));
  frame.http_1_0 = true;
  EXPECT_THAT(std::string(writer.write(frame, "")), HasSubstr("\r\nConnection: keep-alive\r\n"));
  frame.keep_alive = false;
  EXPECT_THAT(std::string(writer.write(frame, "")), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(HeadWriter, ForbidsBrowsersToGuessTheType) {
  HeadWriter writer("");
  HeadWriter::Frame frame;
  for (const int status : {200, 206, 304, 404, 503}) {
    frame.status = status;
    EXPECT_THAT(std::string(writer.write(frame, "")),
                HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  }
}

TEST(ReplyHeadDeathTest, ALineBreakInAFieldIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ReplyHead(200).add("Location", "/x\r\nSet-Cookie: y"), testing::ExitedWithCode(70),
              "CR, LF or NUL");
}

}  // namespace
}  // namespace entrepot::http
