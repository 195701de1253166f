// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/line_format.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::log {
namespace {

std::string formatted(LineStyle style, std::string_view payload,
                      std::string_view logger = "entrepot") {
  spdlog::details::log_msg message(spdlog::string_view_t(logger.data(), logger.size()),
                                   spdlog::level::warn,
                                   spdlog::string_view_t(payload.data(), payload.size()));
  message.time = spdlog::log_clock::time_point(std::chrono::milliseconds(1'767'225'600'007));
  spdlog::memory_buf_t line;
  LineFormatter(style).format(message, line);
  return {line.data(), line.size()};
}

std::string json_string(std::string_view text) {
  spdlog::memory_buf_t out;
  append_json(out, text);
  return {out.data(), out.size()};
}

TEST(LineFormat, TextHasUtcTimeLevelAndMessage) {
  EXPECT_EQ(formatted(LineStyle::text, "disk is full"),
            "2026-01-01T00:00:00.007Z warn  disk is full\n");
}

TEST(LineFormat, TheJournalNotesTimeAndLevel) {
  EXPECT_EQ(formatted(LineStyle::journal_text, "disk is full"), "<4>disk is full\n");
  EXPECT_EQ(formatted(LineStyle::journal_text, "access - - -", access_logger_name),
            "<4>access - - -\n");
  EXPECT_EQ(formatted(LineStyle::journal_json, "disk is full"),
            "<4>{\"time\":\"2026-01-01T00:00:00.007Z\",\"level\":\"warn\","
            "\"message\":\"disk is full\"}\n");
}

TEST(LineFormat, TextCannotBeForgedByControlBytes) {
  EXPECT_EQ(formatted(LineStyle::text, "a\nb\r\x1b[31m\x7f"),
            "2026-01-01T00:00:00.007Z warn  a\\x0ab\\x0d\\x1b[31m\\x7f\n");
}

TEST(LineFormat, EscapesTerminalSequences) {
  const std::string_view foreign =
      "a\xc2\x9b"
      "b\xc2\x85\xe2\x80\xa8\xe2\x80\xae"
      "c\xe2\x81\xa6\x9b";
  EXPECT_EQ(formatted(LineStyle::text, foreign),
            "2026-01-01T00:00:00.007Z warn  a\\u009bb\\u0085\\u2028\\u202ec\\u2066\\x9b\n");
  EXPECT_EQ(json_string(foreign), "a\\u009bb\\u0085\\u2028\\u202ec\\u2066\\ufffd");
  EXPECT_EQ(json_string("\xf3\xa0\x81\x81"), "\\udb40\\udc41");
}

TEST(LineFormat, JsonIsOneObject) {
  EXPECT_EQ(formatted(LineStyle::json, "say \"hi\"\n"),
            "{\"time\":\"2026-01-01T00:00:00.007Z\",\"level\":\"warn\","
            "\"message\":\"say \\\"hi\\\"\\u000a\"}\n");
}

TEST(LineFormat, JsonAccessLinesKeepTheirFields) {
  EXPECT_EQ(
      formatted(LineStyle::json, "\"status\":200", access_logger_name),
      "{\"time\":\"2026-01-01T00:00:00.007Z\",\"level\":\"warn\",\"access\":{\"status\":200}}\n");
}

TEST(LineFormat, JsonStringsAreAlwaysUtf8) {
  EXPECT_EQ(json_string("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x90\xb3"),
            "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x90\xb3");
  EXPECT_EQ(json_string("\xff|\xc3|\xc0\xaf|\xed\xa0\x80|\xf5\x80\x80\x80"),
            "\\ufffd|\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|"
            "\\ufffd\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(json_string("\\"), "\\\\");
}

}  // namespace
}  // namespace entrepot::log
