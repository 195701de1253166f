// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_guard.h"

#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/admin/admin_call.h"
#include "proxy/loop/store_pool.h"
#include "tests/fakes/exchange.h"
#include "tests/fakes/hand_executor.h"

namespace entrepot::admin {
namespace {

using testing::HasSubstr;

/// "Basic" with base64 of "alice:right" and "alice:wrong".
constexpr char alice_right[] = "Authorization: Basic YWxpY2U6cmlnaHQ=\r\n";
constexpr char alice_wrong[] = "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n";

/// Answers 204 to all that it gets.
class Answering final : public http::Handler {
 public:
  void handle(const http::ExchangePtr& exchange) override {
    by = AdminCall::of(*exchange).by;
    exchange->reply(http::ReplyHead(204), "");
  }
  void finished(const http::Exchange&, const http::ReplyStats&) override { ++ended; }
  std::string refused(int, std::string_view reason, const http::Peer&) override {
    return std::string(reason);
  }
  int ended = 0;
  std::string by;  // of the last one
};

class AdminGuardTest : public testing::Test {
 protected:
  void TearDown() override { finish(); }  // the jobs of the pool use the members after it

  std::shared_ptr<fakes::Exchange> begin(const std::string& method, const std::string& target,
                                         const std::string& fields = "") {
    auto exchange = std::make_shared<fakes::Exchange>(
        method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n");
    if (peer) exchange->come_from(*peer);
    exchange->live_on(loop);
    guard.handle(exchange);
    return exchange;
  }
  /// Waits for the hash of a password, if there is one.
  fakes::Reply ask(const std::string& method, const std::string& target,
                   const std::string& fields = "") {
    const auto exchange = begin(method, target, fields);
    finish();
    EXPECT_TRUE(exchange->replied());
    return std::move(*exchange).take();
  }
  int status(const std::string& method, const std::string& target, const std::string& fields = "") {
    return ask(method, target, fields).status;
  }
  void finish() {
    std::promise<void> done;
    pool.post([&] { done.set_value(); });
    done.get_future().wait();
    loop.run();
  }

  /// A listener on which alice logs in with "right".
  static std::shared_ptr<admission::ListenerRules> with_logins() {
    auto rules = std::make_shared<admission::ListenerRules>();
    crypt_data data{};
    rules->users = std::get<access::PasswordFile>(access::PasswordFile::parse(
        std::string("alice:") + ::crypt_r("right", "$2y$04$abcdefghijklmnopqrstuu", &data) + "\n"));
    rules->logins = rules->named_only = true;
    return rules;
  }
  void use(Doors doors) { guard.use(std::make_shared<const Doors>(std::move(doors))); }
  void demand_logins() { use({.listener = with_logins(), .rights = {{}, true}}); }

  std::string host = "127.0.0.1:5080";
  std::optional<http::Peer> peer;
  const metrics::Metrics metrics{{{"docker.io", {"registry-1.docker.io"}}}};
  fakes::HandExecutor loop;
  loop::StorePool pool{"login", 1, metrics.job_failures(metrics::JobPool::login)};
  admission::Logins logins{pool, metrics};
  Answering answering;
  AdminGuard guard{answering, logins, metrics};
};

TEST_F(AdminGuardTest, WithoutDoorsEverybodyMayDoEverything) {
  for (const auto* method : {"GET", "HEAD", "POST", "PUT", "DELETE"})
    for (const auto* target : {"/healthz", "/metrics", "/", "/api/v1/cache"})
      EXPECT_EQ(status(method, target, alice_wrong), 204) << method << target;
}

TEST_F(AdminGuardTest, TheNetworkComesFirst) {
  auto rules = with_logins();
  rules->networks = {std::get<Network>(Network::parse("10.0.0.0/8"))};
  use({.listener = rules, .rights = {{}, true}});
  for (const auto* target : {"/healthz", "/metrics", "/", "/api/v1/cache"}) {
    const auto reply = ask("GET", target, alice_right);
    EXPECT_EQ(reply.status, 403) << target;
    EXPECT_EQ(reply.body,
              "{\"error\":\"admin.networks does not have the network of the client\"}\n");
  }
  peer = http::Peer{"10.0.0.7:1", {}, *IpAddress::parse("10.0.0.7")};
  EXPECT_EQ(status("GET", "/healthz"), 204);
  EXPECT_EQ(status("GET", "/api/v1/cache", alice_right), 204);
}

TEST_F(AdminGuardTest, AcceptsItsOwnHostNames) {
  use({.hosts = {"mirror.example", "entrepot", "*.certified.example"}});
  for (const char* name :
       {"127.0.0.1", "127.0.0.1:5080", "[::1]:5080", "10.1.2.3", "localhost", "LocalHost:5080",
        "localhost.:5080", "mirror.example", "Entrepot:5080", "a.certified.example:5080"}) {
    host = name;
    EXPECT_EQ(status("GET", "/metrics"), 204) << host;
  }
}

TEST_F(AdminGuardTest, RefusesOtherHostNames) {
  use({.hosts = {"mirror.example", "*.certified.example"}});
  for (const char* name :
       {"evil.example", "evil.example:5080", "127.0.0.1.evil.example", "localhost.evil.example",
        "2130706433", "0x7f.1", "127.1", "a.b.certified.example", "certified.example",
        ".certified.example", "acertified.example"}) {
    host = name;
    for (const char* target : {"/metrics", "/api/v1/cache", "/"})
      EXPECT_EQ(status("GET", target), 421) << host << target;
    EXPECT_EQ(status("GET", "/healthz"), 204) << host;
    EXPECT_EQ(status("GET", "/readyz"), 204) << host;
  }
}

TEST_F(AdminGuardTest, ABrowserCannotChangeAnything) {
  for (const char* field : {"Origin: http://evil\r\n", "Origin: null\r\n",
                            "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-origin\r\n"}) {
    EXPECT_EQ(status("POST", "/api/v1/cache/verify", field), 403) << field;
    EXPECT_EQ(status("GET", "/api/v1/cache", field), 204) << field;
  }
  demand_logins();
  EXPECT_EQ(status("DELETE", "/api/v1/cache/objects/x",
                   std::string(alice_right) + "Sec-Fetch-Site: cross-site\r\n"),
            403);
}

TEST_F(AdminGuardTest, AChallengeWhereALoginHelps) {
  demand_logins();
  for (const auto* fields : {"", alice_wrong}) {
    const auto reply = ask("GET", "/api/v1/cache", fields);
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.field("WWW-Authenticate"), admission::challenge);
    EXPECT_EQ(reply.field("Cache-Control"), "no-store");
  }
  EXPECT_EQ(status("GET", "/api/v1/cache", alice_right), 204);
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_access_refused_total{reason=\"login\"} 2\n"));
}

TEST_F(AdminGuardTest, NoChallengeIfItIsTurnedOff) {
  auto rules = with_logins();
  rules->challenge = false;
  use({.listener = rules, .rights = {{}, true}});
  const auto reply = ask("GET", "/api/v1/cache");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.field("WWW-Authenticate"), "");
}

TEST_F(AdminGuardTest, NoChallengeWhereALoginDoesNotHelp) {
  Rights::Table table;
  table[metrics::index_of(Right::change)].emplace();  // nobody
  use({.listener = with_logins(), .rights = {table, true}});
  const auto reply = ask("DELETE", "/api/v1/cache/objects/x", alice_right);
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.field("WWW-Authenticate"), "");
  EXPECT_THAT(reply.body, HasSubstr("admin.change"));
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_access_refused_total{reason=\"right\"} 1\n"));
}

TEST_F(AdminGuardTest, TwoFieldsProveNothing) {
  demand_logins();
  EXPECT_EQ(status("GET", "/api/v1/cache", std::string(alice_right) + alice_right), 401);
}

TEST_F(AdminGuardTest, RefusalsDoNotTellWhatExists) {
  demand_logins();
  const auto one = ask("GET", "/api/v1/cache/objects");
  const auto other = ask("GET", "/absent");
  EXPECT_EQ(one.status, other.status);
  EXPECT_EQ(one.body, other.body);
}

TEST_F(AdminGuardTest, AnOpenRightDoesNotWaitForAPassword) {
  demand_logins();
  EXPECT_TRUE(begin("GET", "/healthz", alice_wrong)->replied());
  EXPECT_TRUE(begin("GET", "/metrics", alice_wrong)->replied());
  EXPECT_FALSE(begin("GET", "/api/v1/cache", alice_right)->replied());
}

TEST_F(AdminGuardTest, DecidesByTheDoorsAtTheEndOfTheHash) {
  demand_logins();
  const auto exchange = begin("GET", "/api/v1/cache", alice_right);
  Rights::Table table;
  table[metrics::index_of(Right::read)].emplace();
  use({.listener = with_logins(), .rights = {table, true}});
  finish();
  EXPECT_EQ(exchange->seen().status, 403);
}

TEST_F(AdminGuardTest, NoHashForAClientThatHasLeft) {
  demand_logins();
  std::promise<void> released;
  pool.post([&] { released.get_future().wait(); });
  const auto exchange = begin("GET", "/api/v1/cache", alice_right);
  exchange->close();
  guard.finished(*exchange, {});
  released.set_value();
  finish();
  EXPECT_FALSE(exchange->replied());
  EXPECT_EQ(answering.ended, 1);
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_logins_total{result=\"ok\"} 0\n"));
}

TEST_F(AdminGuardTest, TellsWhoChangesSomething) {
  peer = http::Peer{.name = "10.0.0.7:1", .address = {}, .ip = *IpAddress::parse("10.0.0.7")};
  EXPECT_EQ(status("POST", "/api/v1/deny"), 204);
  EXPECT_EQ(answering.by, "anonymous, 10.0.0.7");
  EXPECT_EQ(status("GET", "/api/v1/deny"), 204);
  EXPECT_EQ(answering.by, "") << "it changes nothing";
  demand_logins();
  EXPECT_EQ(status("POST", "/api/v1/deny", alice_right), 204);
  EXPECT_EQ(answering.by, "user alice, 10.0.0.7");
}

}  // namespace
}  // namespace entrepot::admin
