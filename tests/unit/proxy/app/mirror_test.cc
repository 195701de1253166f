// SPDX-License-Identifier: Apache-2.0
// The process as a whole starts, answers, drains and stops. Other tests check its answers.
#include "proxy/app/mirror.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "cache/base/open_error.h"
#include "conf/load.h"
#include "proxy/app/command/component_options.h"
#include "tests/unit/proxy/app/notify_socket.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A connection to "127.0.0.1:port".
class Client {
 public:
  explicit Client(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(fd_); }

  bool connected() const { return connected_; }

  /// Sends one request; returns all bytes until the server closes.
  std::string get(const std::string& path) {
    send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return rest();
  }
  void send(const std::string& text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string rest() {
    std::string all;
    char block[4096];
    for (ssize_t size; (size = ::recv(fd_, block, sizeof block, 0)) > 0;)
      all.append(block, static_cast<std::size_t>(size));
    return all;
  }

 private:
  int fd_;
  bool connected_ = false;
};

class MirrorTest : public testing::Test {
 protected:
  conf::Config config(std::vector<std::string> overrides = {}) const {
    overrides.insert(
        overrides.end(),
        {"listen=[{\"address\":\"127.0.0.1:0\"},{\"address\":\"127.0.0.1:0\"}]",
         "admin.address=127.0.0.1:0", "cache.directory=" + (scratch_.path() / "cache").string(),
         "threads={\"serve\":2,\"fetch\":2,\"store\":2}"});
    return conf::load(std::nullopt, overrides).config;
  }

  Scratch scratch_;
};

/// A mirror that serves on a thread of its own until drain().
class ServingMirror {
 public:
  explicit ServingMirror(conf::Config config, std::function<conf::Loaded()> load = {},
                         NotifierOptions notify = {})
      : config_(std::move(config)),
        metrics_(metric_labels(config_)),
        mirror_(std::make_unique<Mirror>(config_, metrics_, std::move(load), std::move(notify))),
        thread_([this] { mirror_->run(); }) {}
  ~ServingMirror() {
    if (thread_.joinable()) thread_.join();
  }

  Mirror& operator*() { return *mirror_; }
  Mirror* operator->() { return mirror_.get(); }
  void stopped() {
    thread_.join();
    mirror_.reset();
  }

 private:
  conf::Config config_;
  metrics::Metrics metrics_;
  std::unique_ptr<Mirror> mirror_;
  std::thread thread_;
};

TEST_F(MirrorTest, ServesOnEveryAddressAndStops) {
  ServingMirror mirror(config());
  ASSERT_EQ(mirror->addresses().size(), 2U);
  for (const auto& address : mirror->addresses()) {
    EXPECT_THAT(address, StartsWith("127.0.0.1:"));
    EXPECT_THAT(Client(address).get("/v2/"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_THAT(Client(mirror->admin_address()).get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Client(mirror->admin_address()).get("/metrics"),
              HasSubstr("\nentrepot_cache_max_bytes 107374182400\n"));
  mirror->drain();
  mirror.stopped();
}

TEST_F(MirrorTest, SigtermDrainsAndASecondOneCuts) {
  ServingMirror mirror(config());
  Client busy(mirror->addresses()[0]);
  busy.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n");  // a head that never ends
  Client probe(mirror->admin_address());
  EXPECT_THAT(Client(mirror->admin_address()).get("/healthz"), StartsWith("HTTP/1.1 200 "));
  ::kill(::getpid(), SIGTERM);
  // The probe's answer shows that draining has begun.
  std::string ready;
  do {
    ready = Client(mirror->admin_address()).get("/readyz");
  } while (ready.starts_with("HTTP/1.1 200 "));
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503 "));
  mirror->drain();
  mirror.stopped();
  EXPECT_EQ(busy.rest(), "");
}

TEST_F(MirrorTest, DrainingEndsAtItsTimeout) {
  auto brief = config({"timeouts.drain=1ms"});
  ServingMirror mirror(std::move(brief));
  Client busy(mirror->addresses()[0]);
  busy.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
  ASSERT_TRUE(busy.connected());
  mirror->drain();
  mirror.stopped();
}

TEST_F(MirrorTest, WithoutAdminListener) {
  auto alone = config();
  alone.admin.reset();
  ServingMirror mirror(std::move(alone));
  EXPECT_EQ(mirror->admin_address(), "");
  EXPECT_THAT(Client(mirror->addresses()[0]).get("/v2/"), StartsWith("HTTP/1.1 200 "));
  mirror->drain();
  mirror.stopped();
}

TEST_F(MirrorTest, ReportsItsStateToTheServiceManager) {
  NotifySocket manager((scratch_.path() / "notify").string());
  std::atomic<bool> good{false};
  const auto load = [&]() -> conf::Loaded {
    if (!good) throw conf::ConfigError({"f.json: wrong"});
    return {config(), {}};
  };
  ServingMirror mirror(config(), load, {manager.name(), std::chrono::hours(1)});
  const auto status = "STATUS=listening on " + mirror->addresses()[0] + ", " +
                      mirror->addresses()[1] + "; admin on " + mirror->admin_address();
  std::vector<std::string> begun;
  for (int i = 0; i < 4; ++i) begun.push_back(manager.take());
  EXPECT_THAT(begun, testing::UnorderedElementsAre("READY=1\n" + status, "WATCHDOG=1",
                                                   "FDSTOREREMOVE=1\nFDNAME=listen",
                                                   "FDSTORE=1\nFDNAME=listen"));
  for (const auto* refused : {"; the last SIGHUP was refused, see the log", ""}) {
    ::kill(::getpid(), SIGHUP);
    EXPECT_THAT(manager.take(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    EXPECT_EQ(manager.take(), "READY=1\n" + status + refused);
    good = true;
  }
  mirror->drain();
  EXPECT_EQ(manager.take(), "STOPPING=1\nSTATUS=draining");
  mirror.stopped();
}

TEST_F(MirrorTest, StopsCleanlyIfItCannotListen) {
  auto first = config();
  const metrics::Metrics metrics(metric_labels(first));
  const Mirror taken(first, metrics);
  auto second = config({});
  second.cache.directory = scratch_.path() / "other";
  second.admin->listener.address = taken.admin_address();
  EXPECT_THROW(Mirror(second, metrics), http::ListenError);
}

TEST_F(MirrorTest, OneProcessForEachDirectory) {
  const auto first = config();
  const metrics::Metrics metrics(metric_labels(first));
  const Mirror taken(first, metrics);
  EXPECT_THROW(Mirror(first, metrics), cache::OpenLaterError);
}

}  // namespace
}  // namespace entrepot::app
