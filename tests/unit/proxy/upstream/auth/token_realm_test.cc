// SPDX-License-Identifier: Apache-2.0
// The choice of the token server: which realm of a challenge may have the password.
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
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Reply = ScriptedServer::Reply;

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

}  // namespace
}  // namespace entrepot::upstream
