// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using testing::HasSubstr;

/// Runs a command by run(); checks its exit code and output.
class RunTest : public testing::Test {
 protected:
  int run_with(Action action, std::string_view json,
               std::initializer_list<std::string> overrides = {}) {
    Command command;
    command.action = action;
    command.config = scratch_.path() / "e.json";
    command.overrides = overrides;
    std::ofstream(*command.config) << json;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run(command);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  Scratch scratch_;
  std::string out_, err_;
};

TEST_F(RunTest, CheckOfAGoodConfiguration) {
  EXPECT_EQ(run_with(Action::check, "{}", {"cache.directory=/nonexistent"}), 0);
  EXPECT_THAT(out_, HasSubstr("e.json: good\n"));
  EXPECT_EQ(err_, "");
}

TEST_F(RunTest, CheckReportsEveryProblem) {
  EXPECT_EQ(run_with(Action::check, R"({ "log": { "level": 1 }, "cahce": {} })"), 78);
  EXPECT_EQ(out_, "");
  EXPECT_THAT(err_, HasSubstr("e.json: log.level: "));
  EXPECT_THAT(err_, HasSubstr("e.json: cahce: unknown key"));
}

TEST_F(RunTest, CheckOfAnInvalidAuthorityFile) {
  const auto file = scratch_.path() / "ca.pem";
  std::ofstream(file) << "not a certificate";
  EXPECT_EQ(run_with(Action::check, "{}", {"upstreams.docker.io.ca_file=" + file.string()}), 78);
  EXPECT_THAT(err_, HasSubstr(file.string()));
}

TEST_F(RunTest, ServeRefusesABrokenConfiguration) {
  EXPECT_EQ(run_with(Action::serve, R"({ "cache": )"), 78);
  EXPECT_THAT(err_, HasSubstr("e.json: line 1, column 12: not JSON: "));
}

TEST_F(RunTest, ServeRefusesADirectoryThatIsAFile) {
  const auto file = scratch_.path() / "file";
  std::ofstream(file) << "in the way";
  EXPECT_EQ(run_with(Action::serve, "{}", {"cache.directory=" + file.string()}), 78);
  EXPECT_THAT(err_, HasSubstr(file.string()));
}

TEST_F(RunTest, Version) {
  EXPECT_EQ(run_with(Action::version, "{}"), 0);
  EXPECT_THAT(
      out_, testing::MatchesRegex(R"(entrepot [0-9]+\.[0-9]+\.[0-9]+ \(commit [0-9a-z]+(-dirty)?\))"
                                  "\n"));
}

}  // namespace
}  // namespace entrepot::app
