// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace entrepot::log {
namespace {

class Journal : public testing::Test {
 protected:
  Journal() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Journal() override {
    ::unsetenv("JOURNAL_STREAM");
    for (const int end : ends_) ::close(end);
  }

  static std::string stream_of(int fd, ino_t beside = 0) {
    struct stat status {};
    EXPECT_EQ(::fstat(fd, &status), 0);
    return fmt::format("{}:{}", status.st_dev, status.st_ino + beside);
  }

  std::array<int, 2> ends_{};
};

TEST_F(Journal, IsTheStreamOfThatDeviceAndInode) {
  ::setenv("JOURNAL_STREAM", stream_of(ends_[1]).c_str(), 1);
  EXPECT_TRUE(is_journal(ends_[1]));
}

TEST_F(Journal, IsNoOtherStream) {
  EXPECT_FALSE(is_journal(ends_[1]));  // without the variable
  for (const std::string& value :
       {stream_of(ends_[1], 1), std::string(), std::string("journal"), stream_of(ends_[1]) + "1"}) {
    ::setenv("JOURNAL_STREAM", value.c_str(), 1);
    EXPECT_FALSE(is_journal(ends_[1])) << value;
  }
  ::setenv("JOURNAL_STREAM", stream_of(ends_[1]).c_str(), 1);
  EXPECT_FALSE(is_journal(-1));
}

TEST_F(Journal, PrioritiesAreThoseOfSyslog) {
  namespace level = spdlog::level;
  EXPECT_EQ(priority(level::trace), "<7>");
  EXPECT_EQ(priority(level::debug), "<7>");
  EXPECT_EQ(priority(level::info), "<6>");
  EXPECT_EQ(priority(level::warn), "<4>");
  EXPECT_EQ(priority(level::err), "<3>");
  EXPECT_EQ(priority(level::critical), "<2>");
}

}  // namespace
}  // namespace entrepot::log
