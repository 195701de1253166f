// SPDX-License-Identifier: Apache-2.0
// Tokens: how many requests for them, their renewal, and failures of their server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/auth/token_registry.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;
using Reply = ScriptedServer::Reply;

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
      {401, FailureKind::unavailable},  {403, FailureKind::unavailable},  // the account is refused
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

}  // namespace
}  // namespace entrepot::upstream
