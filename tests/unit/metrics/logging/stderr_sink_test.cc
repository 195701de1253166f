// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/stderr_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "metrics/logging/line_format.h"

namespace entrepot::log {
namespace {

using namespace std::chrono_literals;

/// Two connected descriptors of a pipe or a socket pair, and a sink on one of them.
class StderrSinkTest : public testing::TestWithParam<bool> {
 protected:
  StderrSinkTest() {
    std::signal(SIGPIPE, SIG_IGN);
    const bool made =
        GetParam() ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_) == 0 : ::pipe(ends_) == 0;
    EXPECT_TRUE(made);
    sink_ = std::make_unique<StderrSink>(ends_[1]);
    sink_->set_formatter(std::make_unique<LineFormatter>(LineStyle::text));
  }
  ~StderrSinkTest() override {
    sink_.reset();
    close_reader();
    ::close(ends_[1]);
  }

  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  void write(std::string_view text) {
    sink_->log({"", spdlog::level::info, spdlog::string_view_t(text.data(), text.size())});
  }

  int ends_[2] = {-1, -1};
  std::unique_ptr<StderrSink> sink_;
};

TEST_P(StderrSinkTest, DropsLinesAfterTheDeadline) {
  sink_->give_up(0ms);
  const std::string big(1 << 20, 'x');  // more than the capacity of a pipe or a socket
  write(big);
  EXPECT_EQ(sink_->dropped(), 1U);
}

TEST_P(StderrSinkTest, WaitsForASlowReader) {
  const std::string big(1 << 20, 'x');
  std::size_t received = 0;
  std::thread reader([&] {
    char block[4096];
    while (received < big.size()) {
      const auto size = ::read(ends_[0], block, sizeof block);
      if (size <= 0) break;
      received += static_cast<std::size_t>(size);
    }
  });
  write(big);
  reader.join();
  EXPECT_GE(received, big.size());
  EXPECT_EQ(sink_->dropped(), 0U);
}

TEST_P(StderrSinkTest, DropsWhenTheReaderIsGone) {
  close_reader();
  write("nobody listens");
  EXPECT_EQ(sink_->dropped(), 1U);
}

TEST_P(StderrSinkTest, LeavesTheSharedDescriptorBlocking) {
  write("short");
  EXPECT_EQ(::fcntl(ends_[1], F_GETFL) & O_NONBLOCK, 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StderrSinkTest, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Socket" : "Pipe"; });

}  // namespace
}  // namespace entrepot::log
