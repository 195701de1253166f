// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/latest_lines.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::log {
namespace {

class LatestLinesTest : public testing::Test {
 protected:
  void log(spdlog::level::level_enum level, const std::string& text) {
    const spdlog::details::log_msg message("", level, text);
    // As a logger does.
    if (lines_.should_log(level)) lines_.log(message);
  }

  LatestLines lines_;
};

TEST_F(LatestLinesTest, KeepsWarningsAndErrors) {
  log(spdlog::level::info, "started");
  log(spdlog::level::warn, "slow");
  log(spdlog::level::err, "broken");
  const auto lines = lines_.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].text, "broken");
  EXPECT_TRUE(lines[0].error);
  EXPECT_EQ(lines[1].text, "slow");
  EXPECT_FALSE(lines[1].error);
}

TEST_F(LatestLinesTest, CountsRepetitions) {
  for (int i = 0; i < 3; ++i) log(spdlog::level::err, "again");
  log(spdlog::level::warn, "other");
  const auto lines = lines_.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].times, 1U);
  EXPECT_EQ(lines[1].times, 3U);
}

TEST_F(LatestLinesTest, IsBounded) {
  for (std::size_t i = 0; i < 100; ++i)
    log(spdlog::level::err, std::to_string(i) + std::string(10000, 'x'));
  const auto lines = lines_.lines();
  ASSERT_EQ(lines.size(), LatestLines::most);
  for (const auto& line : lines) EXPECT_EQ(line.text.size(), LatestLines::longest);
  EXPECT_TRUE(lines.front().text.starts_with("99x"));
}

}  // namespace
}  // namespace entrepot::log
