// SPDX-License-Identifier: Apache-2.0
// Basic logins, and limits of the rate.
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
using ::testing::Not;
using Reply = ScriptedServer::Reply;

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

TEST(Basic, AWrongPasswordIsTriedTwice) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
  });
  Client client(with_credentials(quick_options(server.url())));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::unavailable);
  EXPECT_THAT(recorder.failure->message, HasSubstr("it refuses the configured account"));
  int with_password = 0;
  for (const auto& request : server.received())
    with_password += request.header("authorization").empty() ? 0 : 1;
  EXPECT_EQ(with_password, 2) << "for the object, and for the login alone";
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

// The mirror still answers what it has stored.
TEST(RateLimit, TheShareOfOurRequestsOnAMirrorIsNoPauseOfAll) {
  for (const auto& [wait, sent] : {std::pair{"5", 3}, std::pair{"60", 1}}) {
    ScriptedServer server([wait = wait](const Received&, Reply& reply) {
      reply.send(429, {"Retry-After: " + std::string(wait)}, "slow down");
    });
    Options options = quick_options(server.url());
    options.upstreams[0].endpoints[0].ns = true;
    Client client(options);
    for (int i = 0; i < 3; ++i) {
      Recorder recorder;
      ASSERT_TRUE(client.run(blob_request(), recorder));
      ASSERT_TRUE(recorder.failure.has_value());
      EXPECT_EQ(recorder.failure->kind, FailureKind::rate_limited);
    }
    EXPECT_EQ(server.count(""), sent) << wait;
  }
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
