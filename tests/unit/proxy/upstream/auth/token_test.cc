// SPDX-License-Identifier: Apache-2.0
// Authentication: Bearer, Basic, anonymous; the choice of the token server, and the number of token
// requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Reply = ScriptedServer::Reply;

constexpr const char* basic_user_secret = "Basic dXNlcjpzZWNyZXQ=";

/// A registry that wants a token, and its token server on the same port.
class TokenRegistry {
  std::mutex mutex_;
  std::set<std::string> good_;  // guarded by mutex_
  int issued_ = 0;              // guarded by mutex_

 public:
  std::atomic<int> lifetime{300};
  std::atomic<bool> accept_tokens{true};
  std::atomic<int> token_status{200};
  /// Tokens issued so far are no longer accepted.
  void revoke() {
    const std::lock_guard lock(mutex_);
    good_.clear();
  }
  int token_calls() const { return server.count("/token"); }

  /// The last member: its threads use all others until it is gone.
  ScriptedServer server{[this](const Received& request, Reply& reply) { serve(request, reply); }};

 private:
  void serve(const Received& request, Reply& reply) {
    if (request.target.starts_with("/token")) {
      if (token_status != 200) {
        reply.send(token_status, {"Retry-After: 7"}, "no");
        return;
      }
      const std::lock_guard lock(mutex_);
      const std::string token = "token-" + std::to_string(++issued_);
      good_.insert("Bearer " + token);
      reply.send(200, {},
                 R"({"token":")" + token + R"(","expires_in":)" + std::to_string(lifetime) + "}");
      return;
    }
    const std::lock_guard lock(mutex_);
    if (accept_tokens && good_.contains(request.header("authorization"))) {
      reply.send(200, {}, "body");
      return;
    }
    reply.send(401,
               {"WWW-Authenticate: Bearer realm=\"" + server.url() +
                "/token\",service=\"the service\",scope=\"repository:a/b:pull\""},
               "unauthorized");
  }
};

Options with_credentials(Options options) {
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  return options;
}

TEST(Token, IsFetchedOnceAndUsedAgain) {
  TokenRegistry registry;
  Client client(quick_options(registry.server.url()));
  for (int i = 0; i < 3; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_EQ(recorder.body, "body");
  }
  EXPECT_EQ(registry.token_calls(), 1);
  EXPECT_EQ(registry.server.count("/blobs/"), 4) << "the 401 is asked for once only";
  const Received call = registry.server.received()[1];
  EXPECT_EQ(lower_case(call.target),
            "/token?service=the%20service&scope=repository%3aa%2fb%3apull");
  EXPECT_EQ(call.header("authorization"), "");
}

TEST(Token, IsRenewedBehindARequestThatUsesTheOldOne) {
  TokenRegistry registry;
  Options options = quick_options(registry.server.url());
  options.timeouts.renew_token_after = 0;  // due as soon as it is there
  Client client(options);
  std::string used;
  for (int i = 0; i < 1000 && used != "Bearer token-2"; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    for (const Received& request : registry.server.received())
      if (request.target.find("/blobs/") != std::string::npos)
        used = request.header("authorization");
    if (i == 1) {
      EXPECT_EQ(used, "Bearer token-1") << "nobody waits for the renewal";
    }
  }
  EXPECT_EQ(used, "Bearer token-2");
}

TEST(Token, ARenewalThatFailsTakesNothingAway) {
  TokenRegistry registry;
  Options options = quick_options(registry.server.url());
  options.timeouts.renew_token_after = 0;
  Client client(options);
  for (int i = 0; i < 20; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value());
    registry.token_status = 500;
  }
  EXPECT_LE(registry.token_calls(), 2) << "tried again when it has expired";
}

TEST(Token, CredentialsGoToTheTokenServerOnly) {
  TokenRegistry registry;
  Client client(with_credentials(quick_options(registry.server.url())));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  for (const Received& request : registry.server.received()) {
    if (request.target.starts_with("/token")) {
      EXPECT_EQ(request.header("authorization"), basic_user_secret);
    } else {
      EXPECT_THAT(request.header("authorization"), Not(HasSubstr("Basic")));
    }
  }
}

TEST(Token, ScopesAreTokensOfTheirOwn) {
  TokenRegistry registry;
  Client client(quick_options(registry.server.url()));
  for (const char* repository : {"a/b", "c/d"}) {
    cache::FetchRequest request = blob_request();
    request.repository = repository;
    Recorder recorder;
    ASSERT_TRUE(client.run(request, recorder));
    EXPECT_FALSE(recorder.failure.has_value());
  }
  EXPECT_EQ(registry.token_calls(), 2);
  EXPECT_THAT(lower_case(registry.server.received().at(3).target),
              HasSubstr("repository%3ac%2fd%3apull"));
}

// 1,000 requests, at most two token calls.
TEST(Token, ThousandRequestsAskOnce) {
  TokenRegistry registry;
  Client client(quick_options(registry.server.url()));
  std::vector<Recorder> recorders(1000);
  for (Recorder& recorder : recorders) client.start(blob_request(), recorder);
  for (Recorder& recorder : recorders) {
    ASSERT_TRUE(recorder.wait());
    EXPECT_FALSE(recorder.failure.has_value());
  }
  EXPECT_LE(registry.token_calls(), 2);
}

TEST(Token, ThousandRequestsThatStayRefusedAskTwiceAtMost) {
  TokenRegistry registry;
  registry.accept_tokens = false;
  Options options = quick_options(registry.server.url());
  options.timeouts.young_token = std::chrono::hours(1);  // however slow this machine is
  Client client(options);
  std::vector<Recorder> recorders(1000);
  for (Recorder& recorder : recorders) client.start(blob_request(), recorder);
  for (Recorder& recorder : recorders) {
    ASSERT_TRUE(recorder.wait());
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::denied);
    EXPECT_EQ(recorder.failure->status, 401);
  }
  EXPECT_LE(registry.token_calls(), 2);
}

TEST(Token, IsRenewedWhenItIsNoLongerAccepted) {
  TokenRegistry registry;
  Options options = quick_options(registry.server.url());
  options.timeouts.young_token = std::chrono::milliseconds(0);
  Client client(options);
  Recorder first;
  ASSERT_TRUE(client.run(blob_request(), first));
  registry.revoke();
  Recorder second;
  ASSERT_TRUE(client.run(blob_request(), second));
  EXPECT_FALSE(second.failure.has_value());
  EXPECT_EQ(registry.token_calls(), 2);

  registry.accept_tokens = false;
  Recorder third;
  ASSERT_TRUE(client.run(blob_request(), third));
  EXPECT_EQ(third.failure->kind, FailureKind::denied);
  EXPECT_EQ(registry.token_calls(), 3) << "one new token per request";
}

TEST(Token, FailuresOfItsServerHaveTheirKinds) {
  const std::pair<int, FailureKind> cases[] = {
      {401, FailureKind::denied},       {403, FailureKind::denied},
      {404, FailureKind::bad_upstream}, {302, FailureKind::bad_upstream},
      {500, FailureKind::unavailable},  {429, FailureKind::rate_limited}};
  for (const auto& [status, kind] : cases) {
    TokenRegistry registry;
    registry.token_status = status;
    Client client(with_credentials(quick_options(registry.server.url())));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, kind) << status;
    EXPECT_THAT(recorder.failure->message, HasSubstr("/token"));
    EXPECT_THAT(recorder.failure->message, Not(HasSubstr("scope=")));
  }
}

TEST(Token, LimitedServerIsLeftAlone) {
  TokenRegistry registry;
  registry.token_status = 429;
  Client client(quick_options(registry.server.url()));
  for (int i = 0; i < 3; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_EQ(recorder.failure->kind, FailureKind::rate_limited);
    EXPECT_GE(recorder.failure->retry_after.count(), 6);
  }
  EXPECT_EQ(registry.server.count(""), 2) << "the 401 and one token call";
}

TEST(Token, OversizedReplyIsNoToken) {
  std::string url;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (request.target.starts_with("/token")) {
      reply.send(200, {}, R"({"token":"t","pad":")" + std::string(70'000, 'x') + "\"}");
    } else {
      reply.send(401, {"WWW-Authenticate: Bearer realm=\"" + url + "/token\""}, "");
    }
  });
  url = server.url();
  Client client(quick_options(url));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
}

// Nothing arrives at the wrong token server.
TEST(Token, RealmElsewhereIsNotAsked) {
  ScriptedServer thief([](const Received&, Reply& reply) { reply.send(200, {}, "{}"); });
  const std::string port = std::to_string(thief.port());
  for (const std::string& realm :
       {"http://127.0.0.1:" + port + "/token",  // same host: a private address of another origin
        "http://localhost:" + port + "/token", std::string("https://evil.example/token"),
        "http://user:pass@127.0.0.1:" + port + "/", std::string("ftp://127.0.0.1/"),
        std::string("/token"), std::string("http://169.254.169.254/latest/meta-data")}) {
    ScriptedServer registry([&](const Received&, Reply& reply) {
      reply.send(401, {"WWW-Authenticate: Bearer realm=\"" + realm + "\",service=\"s\""}, "");
    });
    Client client(with_credentials(quick_options(registry.url())));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder)) << realm;
    ASSERT_TRUE(recorder.failure.has_value()) << realm;
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << recorder.failure->message;
    EXPECT_THAT(recorder.failure->message,
                AnyOf(HasSubstr("\"internal\": true"), HasSubstr("\"token_hosts\""),
                      HasSubstr("its URL cannot be used")));
    EXPECT_EQ(registry.count(""), 1);
  }
  EXPECT_EQ(thief.connections(), 0);
}

// A service and a scope within our limits, which are longer once they are encoded.
TEST(Token, AUrlThatIsTooLongIsAnErrorOfTheUpstream) {
  const std::string challenge =
      "WWW-Authenticate: Bearer realm=\"http://127.0.0.1/token\",service=\"" +
      std::string(4000, '%') + "\",scope=\"" + std::string(4000, '%') + "\"";
  ScriptedServer target([&](const Received&, Reply& reply) { reply.send(401, {challenge}, ""); });
  std::atomic<bool> redirects = false;
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    if (redirects) {
      reply.send(307, {"Location: " + target.url() + request.target}, "");
    } else {
      reply.send(401, {challenge}, "");
    }
  });
  Options options = with_credentials(quick_options(registry.url()));
  options.upstreams[0].internal = true;
  Client client(options);
  for (const bool through_redirect : {false, true}) {
    redirects = through_redirect;
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
    EXPECT_THAT(recorder.failure->message, HasSubstr("its token server's URL is too long"));
  }
}

/// Ways to name a token server on `port` of a host that is not the endpoint's, and ways to look
/// like the endpoint's.
std::vector<std::string> foreign_realms(const std::string& port, const std::string& own) {
  std::vector<std::string> realms;
  for (const char* const host : {"localhost", "LOCALHOST", "localhost.", "[::ffff:127.0.0.1]",
                                 "127.0.0.1@localhost", "127.0.0.1%40localhost", "%6cocalhost"})
    realms.push_back("http://" + std::string(host) + ":" + port + "/token");
  for (const char* const path : {"/#@127.0.0.1/", "\\\\@127.0.0.1/", "/127.0.0.1", "/?x="})
    realms.push_back("http://localhost:" + port + path + own);
  return realms;
}

/// Challenges that name `foreign`, alone or beside the endpoint's own token server.
std::vector<std::vector<std::string>> challenges_of(const std::string& foreign,
                                                    const std::string& own) {
  const auto bearer = [](const std::string& realm) { return "Bearer realm=\"" + realm + "\""; };
  const std::string header = "WWW-Authenticate: ";
  return {{header + bearer(foreign)},
          {header + bearer(foreign) + ",service=\"s\",scope=\"repository:a/b:pull\""},
          {header + "BEARER Realm = \"" + foreign + "\""},
          {header + "Bearer realm=" + foreign},
          {header + "Basic realm=\"x\", " + bearer(foreign)},
          {header + bearer(foreign) + ", Basic realm=\"x\""},
          {header + bearer(foreign), header + bearer(own)},
          {header + bearer(own), header + bearer(foreign)},
          {header + bearer(own) + ",realm=\"" + foreign + "\""},
          {header + "Bearer service=\"" + own + "\",realm=\"" + foreign + "\""}};
}

// For each form of the challenge, and for each server that leads there.
TEST(Token, APasswordGoesToItsOwnOriginAndItsVettedRealmOnly) {
  ScriptedServer thief([](const Received& request, Reply& reply) {
    if (request.target.starts_with("/v2/")) {
      reply.send(401,
                 {"WWW-Authenticate: Basic realm=\"x\"",
                  "WWW-Authenticate: Bearer realm=\"http://" + request.header("host") + "/token\""},
                 "");
    } else {
      reply.send(200, {}, R"({"token":"t"})");
    }
  });
  const std::string port = std::to_string(thief.port());
  std::mutex mutex;
  std::vector<std::string> challenge;  // guarded by mutex
  bool redirects = false;              // guarded by mutex
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    const std::lock_guard lock(mutex);
    if (request.target.starts_with("/token")) {
      reply.send(307, {"Location: http://localhost:" + port + "/token"}, "");
    } else if (redirects) {
      reply.send(307, {"Location: http://localhost:" + port + request.target}, "");
    } else {
      reply.send(401, challenge, "");
    }
  });
  Options options = with_credentials(quick_options(registry.url()));
  options.upstreams[0].internal = true;
  options.timeouts.token_denied = std::chrono::milliseconds(1);
  int questions = 0;
  for (const std::string& foreign : foreign_realms(port, registry.url() + "/token")) {
    Client client(options);
    for (const auto& form : challenges_of(foreign, registry.url() + "/token")) {
      {
        const std::lock_guard lock(mutex);
        challenge = form;
        redirects = ++questions % 5 == 0;
      }
      Recorder recorder;
      ASSERT_TRUE(client.run(blob_request(), recorder)) << foreign;
      EXPECT_TRUE(recorder.failure.has_value()) << foreign;
    }
  }
  for (const Received& asked : thief.received())
    EXPECT_THAT(asked.header("authorization"), Not(HasSubstr("Basic"))) << asked.head;
  EXPECT_GT(thief.count("/v2/"), 0) << "no redirect was followed";
}

TEST(Token, AHostNamedInTheConfigurationMayHaveThePassword) {
  ScriptedServer tokens(
      [](const Received&, Reply& reply) { reply.send(200, {}, R"({"token":"good"})"); });
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    if (request.header("authorization") == "Bearer good") return reply.send(200, {}, "body");
    reply.send(401,
               {"WWW-Authenticate: Bearer realm=\"http://localhost:" +
                std::to_string(tokens.port()) + "/token\""},
               "");
  });
  Options options = with_credentials(quick_options(registry.url()));
  options.upstreams[0].internal = true;
  options.upstreams[0].token_hosts = {"localhost"};
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(tokens.received().at(0).header("authorization"), basic_user_secret);
}

// The need of one repository says nothing about the others.
TEST(Token, ARepositoryThatNeedsNoneIsServedWhileTheTokenServerFails) {
  std::string url;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (request.target.starts_with("/token")) {
      reply.send(503, {}, "");
    } else if (request.target.find("closed") != std::string::npos) {
      reply.send(401, {"WWW-Authenticate: Bearer realm=\"" + url + "/token\""}, "");
    } else {
      reply.send(200, {}, "body");
    }
  });
  url = server.url();
  Client client(quick_options(url));
  for (int i = 0; i < 2; ++i) {
    cache::FetchRequest closed = blob_request();
    closed.repository = "a/closed";
    Recorder refused;
    ASSERT_TRUE(client.run(closed, refused));
    ASSERT_TRUE(refused.failure.has_value());
    EXPECT_EQ(refused.failure->kind, FailureKind::unavailable);
    Recorder served;
    ASSERT_TRUE(client.run(blob_request(), served));
    EXPECT_FALSE(served.failure.has_value()) << served.failure->message;
    EXPECT_EQ(served.body, "body");
  }
}

TEST(Token, InternalUpstreamMayNameAnotherServer) {
  ScriptedServer tokens(
      [](const Received&, Reply& reply) { reply.send(200, {}, R"({"access_token":"good"})"); });
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    if (request.header("authorization") == "Bearer good") {
      reply.send(200, {}, "body");
    } else {
      reply.send(401,
                 {"WWW-Authenticate: Basic realm=\"x\"",
                  "WWW-Authenticate: bearer Realm=\"" + tokens.url() + "/t\""},
                 "");
    }
  });
  Options options = with_credentials(quick_options(registry.url()));
  options.upstreams[0].internal = true;
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(tokens.received().at(0).header("authorization"), basic_user_secret);
}

TEST(Basic, IsUsedWhereItIsAskedFor) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.header("authorization") == basic_user_secret) {
      reply.send(200, {}, "body");
    } else {
      reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
    }
  });
  Client client(with_credentials(quick_options(server.url())));
  for (int i = 0; i < 2; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value());
  }
  EXPECT_EQ(server.count(""), 3) << "the second request does not ask again";
}

TEST(Basic, WrongPasswordIsDeniedAtOnce) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
  });
  Client client(with_credentials(quick_options(server.url())));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::denied);
  EXPECT_EQ(server.count(""), 2);
  EXPECT_THAT(recorder.failure->message, Not(HasSubstr("secret")));
}

TEST(RateLimit, NothingIsSentBeforeItIsOver) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(429, {"Retry-After: 1000000000"}, "slow down");
  });
  Client client(quick_options(server.url()));
  for (cache::FetchRequest request : {blob_request(), manifest_request(), manifest_request("x")}) {
    Recorder recorder;
    ASSERT_TRUE(client.run(request, recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::rate_limited);
    EXPECT_EQ(recorder.failure->status, 429);
    EXPECT_GT(recorder.failure->retry_after.count(), 590);
    EXPECT_LE(recorder.failure->retry_after.count(), 600);
  }
  EXPECT_EQ(server.count(""), 1);
}

TEST(RateLimit, IsOverWhenItIsOver) {
  std::atomic<bool> limited = true;
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (limited) {
      reply.send(429, {}, "");
    } else {
      reply.send(200, {}, "body");
    }
  });
  Options options = quick_options(server.url());
  options.timeouts.rate_limit = std::chrono::milliseconds(50);
  options.timeouts.limited_for = std::chrono::milliseconds(0);  // nobody waits for it
  Client client(options);
  Recorder first;
  ASSERT_TRUE(client.run(blob_request(), first));
  EXPECT_EQ(first.failure->kind, FailureKind::rate_limited);
  limited = false;
  const auto deadline = std::chrono::steady_clock::now() + test_deadline;
  std::optional<cache::Failure> failure = first.failure;
  while (failure && std::chrono::steady_clock::now() < deadline) {
    Recorder next;
    ASSERT_TRUE(client.run(blob_request(), next));
    failure = next.failure;
  }
  EXPECT_FALSE(failure.has_value());
  EXPECT_EQ(server.count(""), 2);
}

}  // namespace
}  // namespace entrepot::upstream
