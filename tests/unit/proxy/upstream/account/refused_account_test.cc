// SPDX-License-Identifier: Apache-2.0
// Registries that refuse the account of an endpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/auth/token_registry.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

/// A registry with a token server or with passwords. Anonymous users may pull what is public.
class LoginRegistry {
 public:
  std::atomic<bool> tokens{true};         ///< by Bearer; false: by Basic
  std::atomic<bool> knows_account{true};  ///< false: it refuses the password
  std::atomic<bool> is_public{true};      ///< the repository
  std::atomic<bool> account_may{true};    ///< read the repository
  std::atomic<bool> answers_base{true};   ///< false: /v2/ and the token server answer 503
  std::atomic<int> anonymous_status{200};

  int with_password() const {
    int count = 0;
    for (const auto& request : server.received())
      count += request.header("authorization") == basic_user_secret ? 1 : 0;
    return count;
  }

  /// The last member: its threads use all others until it is gone.
  ScriptedServer server{[this](const Received& request, Reply& reply) { serve(request, reply); }};

 private:
  void serve(const Received& request, Reply& reply) {
    const auto login = request.header("authorization");
    const bool base = request.target == "/v2/";
    if (!answers_base && (base || request.target.starts_with("/token?service=x")) &&
        request.target.find("scope") == std::string::npos)
      return reply.send(503, {}, "");
    if (request.target.starts_with("/token")) {
      if (login.empty()) return reply.send(200, {}, R"({"token":"anonymous"})");
      if (!knows_account) return reply.send(401, {}, "");
      return reply.send(200, {}, R"({"token":"account"})");
    }
    const bool account = tokens ? login == "Bearer account" : login == basic_user_secret;
    if (account && (tokens || knows_account))
      return base || account_may ? reply.send(200, {}, "body") : reply.send(403, {}, "");
    const bool anonymous = login == "Bearer anonymous" || (!tokens && login.empty() && is_public);
    if (anonymous && (base || is_public)) {
      if (base && !tokens) return challenge(reply);
      return reply.send(anonymous_status, {"Retry-After: 60"}, "body");
    }
    challenge(reply);
  }

  void challenge(Reply& reply) {
    reply.send(
        401,
        {tokens ? "WWW-Authenticate: Bearer realm=\"" + server.url() + "/token\",service=\"x\""
                : std::string("WWW-Authenticate: Basic realm=\"x\"")},
        "");
  }
};

class RefusedAccount : public ::testing::TestWithParam<bool> {
 protected:
  RefusedAccount() { registry.tokens = GetParam(); }

  Options options() {
    Options options = with_credentials(quick_options(registry.server.url()));
    options.timeouts.account_checked = std::chrono::milliseconds(0);
    options.timeouts.token_denied = std::chrono::milliseconds(0);
    options.timeouts.base_challenge = std::chrono::milliseconds(0);
    return options;
  }
  static std::optional<cache::Failure> ask(Client& client, const std::string& repository = "a/b") {
    auto request = blob_request();
    request.repository = repository;
    Recorder recorder;
    EXPECT_TRUE(client.run(std::move(request), recorder));
    return recorder.failure;
  }
  static EndpointReport report(Client& client) {
    EndpointReport report;
    client.on_loop([&] { report = client.curl().report()[0].endpoints[0]; });
    return report;
  }
  LoginRegistry registry;
};

INSTANTIATE_TEST_SUITE_P(ByTokenOrPassword, RefusedAccount, ::testing::Values(true, false),
                         [](const auto& of) { return of.param ? "Token" : "Password"; });

TEST_P(RefusedAccount, PullsAnonymously) {
  registry.knows_account = false;
  Client client(options());
  registry.is_public = registry.tokens.load();  // by password, an anonymous request comes first
  const auto failure = ask(client);
  EXPECT_EQ(failure.has_value(), !registry.is_public);
  EXPECT_TRUE(report(client).denied());
  const int before = registry.with_password();
  for (int i = 0; i < 5; ++i) ask(client, "c/d" + std::to_string(i));
  EXPECT_EQ(registry.with_password(), before) << "a locked account would be worse";
}

TEST_P(RefusedAccount, AnAnonymousRefusalSaysNothing) {
  registry.knows_account = false;
  registry.is_public = false;
  Client client(options());
  for (int i = 0; i < 2; ++i) {
    const auto failure = ask(client);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind, FailureKind::unavailable);
    EXPECT_TRUE(cache::stale_may_cover(*failure));
    EXPECT_THAT(failure->message, HasSubstr("correct the account's username or password_file"));
  }
}

TEST_P(RefusedAccount, ARepositoryThatItMayNotReadIsItsOwn) {
  registry.is_public = false;
  registry.account_may = false;
  Client client(options());
  const auto failure = ask(client);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::denied);
  EXPECT_FALSE(failure->doubtful);
  EXPECT_FALSE(report(client).denied());
  registry.account_may = true;
  EXPECT_FALSE(ask(client, "c/d"));
}

TEST_P(RefusedAccount, ACheckWithoutAnAnswerKeepsWhatIsStored) {
  registry.is_public = false;
  Client client(options());
  EXPECT_FALSE(ask(client));
  registry.account_may = false;
  registry.answers_base = false;
  const auto failure = ask(client);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::unavailable);
  EXPECT_TRUE(cache::stale_may_cover(*failure));
  EXPECT_TRUE(report(client).refused.empty());
  EXPECT_EQ(report(client).last_failure->reason, EndpointFailure::denied);
  EXPECT_TRUE(report(client).denied());
  registry.is_public = true;  // the anonymous user is the last resort
  EXPECT_FALSE(ask(client, "c/d"));
  EXPECT_TRUE(report(client).denied()) << "that says nothing about the account";
  registry.account_may = true;
  EXPECT_FALSE(ask(client, "e/f"));
  EXPECT_FALSE(report(client).denied());
}

TEST_P(RefusedAccount, ReturnsWhenItIsAccepted) {
  registry.knows_account = false;
  registry.is_public = false;
  Options quick = options();
  quick.timeouts.account_refused_first = std::chrono::milliseconds(0);
  Client client(std::move(quick));
  EXPECT_TRUE(ask(client));
  ASSERT_TRUE(report(client).denied());
  EXPECT_THAT(client.metrics_text(), HasSubstr("entrepot_accounts_denied{upstream=\"test\""));
  registry.knows_account = true;
  const auto deadline = std::chrono::steady_clock::now() + test_deadline;
  while (report(client).denied() && std::chrono::steady_clock::now() < deadline)
    client.on_loop([&] { client.curl().publish_gauges(); });
  EXPECT_FALSE(report(client).denied());
  EXPECT_FALSE(ask(client));
}

TEST_P(RefusedAccount, IsNotCheckedBeforeItsTime) {
  registry.knows_account = false;
  Client client(options());
  registry.is_public = false;
  ask(client);
  ASSERT_TRUE(report(client).denied());
  const int before = registry.with_password();
  for (int i = 0; i < 10; ++i) client.on_loop([&] { client.curl().publish_gauges(); });
  EXPECT_FALSE(ask(client) == std::nullopt);
  EXPECT_EQ(registry.with_password(), before);
}

TEST_P(RefusedAccount, IsKnownToAllLoops) {
  registry.knows_account = false;
  registry.is_public = false;
  AccountRecords records;
  Options shared = options();
  shared.account_records = &records;
  shared.timeouts.account_refused_first = std::chrono::milliseconds(0);
  Client one(shared);
  Client two(shared);
  EXPECT_TRUE(ask(one));
  const int before = registry.with_password();
  EXPECT_TRUE(ask(two, "c/d"));
  EXPECT_TRUE(report(two).denied());
  EXPECT_EQ(registry.with_password(), before) << "the other loop has found out";
  registry.knows_account = true;
  const auto deadline = std::chrono::steady_clock::now() + test_deadline;
  while (report(one).denied() && std::chrono::steady_clock::now() < deadline)
    one.on_loop([&] { one.curl().publish_gauges(); });
  EXPECT_FALSE(ask(two, "c/d"));
  EXPECT_FALSE(report(two).denied());
}

TEST_P(RefusedAccount, GivesWayToAnother) {
  registry.is_public = false;
  Options several = options();
  several.upstreams[0].endpoints[0].credentials.emplace_back("other", "secret");
  Client client(std::move(several));
  for (int i = 0; i < 8; ++i) {
    const auto failure = ask(client, "a/r" + std::to_string(i));
    // The registry accepts tokens for "user" and "other" alike, passwords of "user" alone.
    EXPECT_FALSE(failure) << failure->message;
  }
  EXPECT_FALSE(report(client).denied());
  if (!GetParam()) {
    EXPECT_EQ(report(client).refused.count("other"), 1U);
  }
}

TEST_P(RefusedAccount, ALimitOfTheAnonymousUserIsOne) {
  registry.knows_account = false;
  registry.anonymous_status = 429;
  // By password, an anonymous request comes first and meets the limit.
  if (!GetParam()) return;
  Client client(options());
  const auto failure = ask(client);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::rate_limited);
  EXPECT_TRUE(report(client).denied());
}

}  // namespace
}  // namespace entrepot::upstream
