// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <ctime>

#include "tests/unit/proxy/app/captured_log.h"
#include "tests/unit/proxy/app/notify_socket.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class NotifierTest : public testing::Test {
 protected:
  ~NotifierTest() override {
    for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  std::string path() const { return (scratch_.path() / "notify").string(); }
  /// A path of this test alone: abstract names are shared by the whole system.
  std::string abstract() const { return "@" + path(); }

  Scratch scratch_;
};

TEST_F(NotifierTest, SendsEachStateInTheFormatOfTheProtocol) {
  for (const auto& name : {path(), abstract()}) {
    NotifySocket socket(name);
    Notifier notifier({name});
    notifier.ready("listening on 127.0.0.1:5000");
    EXPECT_EQ(socket.take(), "READY=1\nSTATUS=listening on 127.0.0.1:5000");
    notifier.alive();
    EXPECT_EQ(socket.take(), "WATCHDOG=1");
    notifier.stopping("draining");
    EXPECT_EQ(socket.take(), "STOPPING=1\nSTATUS=draining");
    EXPECT_THAT(socket.take_if_there(), IsEmpty());
  }
}

TEST_F(NotifierTest, AReloadHasTheTimeItBegan) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000 + time.tv_nsec / 1'000;
  };
  NotifySocket socket(path());
  Notifier notifier({path()});
  const auto before = now();
  notifier.reloading();
  const auto after = now();
  const auto message = socket.take();
  const std::string beginning = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_THAT(message, StartsWith(beginning));
  const auto told = std::stoll(message.substr(beginning.size()));
  EXPECT_LE(before, told);
  EXPECT_LE(told, after);
}

TEST_F(NotifierTest, AcceptsAnAbstractName) {
  const NotifySocket socket(abstract());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(NotifierTest, SendsNothingWithoutASocket) {
  CapturedLog log;
  Notifier notifier({"", 30s});
  notifier.ready("");
  notifier.alive();
  notifier.stopping("");
  EXPECT_EQ(notifier.alive_every(), 0ms) << "no service manager listens";
  EXPECT_THAT(log.text(), IsEmpty());
}

TEST_F(NotifierTest, LogsAnInvalidSocket) {
  for (const auto& [name, why] :
       {std::pair<std::string, std::string>{"relative", "neither a path nor an abstract name"},
        {"vsock:2:1234", "neither a path nor an abstract name"},
        {"/", "neither a path nor an abstract name"},
        {"/" + std::string(120, 'x'), "too long for a socket"}}) {
    CapturedLog log;
    Notifier notifier({name, 30s});
    notifier.ready("");
    EXPECT_EQ(notifier.alive_every(), 0ms);
    EXPECT_THAT(log.text(), HasSubstr("NOTIFY_SOCKET " + name + ": " + why));
  }
}

TEST_F(NotifierTest, LogsAFailedSendOnce) {
  CapturedLog log;
  Notifier notifier({path()});
  notifier.ready("");
  notifier.alive();
  const auto said = log.text();
  EXPECT_THAT(said, HasSubstr("No such file or directory"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(NotifierTest, AManagerThatReadsNothingDelaysTheProcessBriefly) {
  CapturedLog log;
  NotifySocket socket(path());
  Notifier notifier({path()});
  notifier.alive();
  socket.fill();
  const auto begun = std::chrono::steady_clock::now();
  notifier.alive();
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, 500ms);
  EXPECT_LT(took, 10s);
  EXPECT_THAT(log.text(), HasSubstr("temporarily unavailable"));
  EXPECT_EQ(socket.take(), "WATCHDOG=1");
}

TEST_F(NotifierTest, ReadsSocketAndIntervalFromTheEnvironment) {
  EXPECT_THAT(notifier_options().socket, IsEmpty());
  ::setenv("NOTIFY_SOCKET", path().c_str(), 1);
  EXPECT_EQ(notifier_options().socket, path());
  EXPECT_EQ(notifier_options().watchdog, 0s);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(notifier_options().watchdog, 30s);
  EXPECT_EQ(Notifier(notifier_options()).alive_every(), 15s);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(notifier_options().watchdog, 30s);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(notifier_options().watchdog, 0s) << "another process is watched";
  EXPECT_EQ(notifier_options().socket, path());
}

TEST_F(NotifierTest, InvalidEnvironmentStartsNoWatchdog) {
  ::setenv("NOTIFY_SOCKET", path().c_str(), 1);
  for (const auto* time : {"", "0", "-5", "30s", "soon", "99999999999999999999"}) {
    ::setenv("WATCHDOG_USEC", time, 1);
    EXPECT_EQ(notifier_options().watchdog, 0s) << time;
  }
}

}  // namespace
}  // namespace entrepot::app
