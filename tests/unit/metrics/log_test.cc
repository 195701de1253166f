// SPDX-License-Identifier: Apache-2.0
#include "metrics/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/metrics/captured_stderr.h"

namespace entrepot::log {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Log, WritesQueuedLinesBeforeItStops) {
  CapturedStderr captured;
  start({.level = "info", .json = false});
  info("listening on {}", "127.0.0.1:5000");
  debug("not at this level");
  stop();
  const std::string text = captured.text();
  EXPECT_THAT(text, HasSubstr("Z info  listening on 127.0.0.1:5000\n"));
  EXPECT_THAT(text, Not(HasSubstr("not at this level")));
}

TEST(Log, JsonFormat) {
  CapturedStderr captured;
  start({.level = "warn", .json = true});
  info("too quiet");
  error("too \"loud\"");
  stop();
  const std::string text = captured.text();
  EXPECT_THAT(text, HasSubstr("\"level\":\"error\",\"message\":\"too \\\"loud\\\"\"}\n"));
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
}

TEST(Log, StillWritesAfterStop) {
  CapturedStderr captured;
  start({});
  stop();
  warn("late word");
  EXPECT_THAT(captured.text(), HasSubstr("late word\n"));
}

TEST(Log, FullPipeNeverBlocksTheCallerNorStop) {
  CapturedStderr captured;
  captured.clog();
  const auto before = dropped();
  start({});
  constexpr int lines = 20'000;  // more than the capacity of the queue
  for (int i = 0; i < lines; ++i) info("line {}", i);
  EXPECT_GT(dropped(), before);
  stop();
  EXPECT_EQ(dropped() - before, static_cast<std::uint64_t>(lines));
}

TEST(Log, RejectsAnUnknownLevel) {
  EXPECT_THROW(start({.level = "loud", .json = false}), std::invalid_argument);
}

}  // namespace
}  // namespace entrepot::log
