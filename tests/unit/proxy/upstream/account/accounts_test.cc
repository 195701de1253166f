// SPDX-License-Identifier: Apache-2.0
// Several credentials at one endpoint.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using Reply = ScriptedServer::Reply;

/// A registry with Basic authentication that limits accounts one by one.
class Registry {
  std::mutex mutex_;
  std::map<std::string, std::string> limited_;    // guarded by mutex_
  std::map<std::string, std::string> remaining_;  // guarded by mutex_

 public:
  void limit(const std::string& account, const std::string& how = "Retry-After: 60") {
    const std::lock_guard lock(mutex_);
    limited_[account] = how;
  }
  void leave(const std::string& account, const std::string& remaining) {
    const std::lock_guard lock(mutex_);
    remaining_[account] = remaining;
  }
  /// The Authorization of each request that had one, in order.
  std::vector<std::string> askers() const {
    std::vector<std::string> askers;
    for (const Received& request : server.received())
      if (const auto asker = request.header("authorization"); !asker.empty())
        askers.push_back(asker);
    return askers;
  }

  /// The last member: its threads use all others until it is gone.
  ScriptedServer server{[this](const Received& request, Reply& reply) {
    const std::string asker = request.header("authorization");
    if (asker.empty()) return reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
    const std::lock_guard lock(mutex_);
    if (const auto how = limited_.find(asker); how != limited_.end())
      return reply.send(429, {how->second}, "");
    std::vector<std::string> fields;
    if (const auto left = remaining_.find(asker); left != remaining_.end())
      fields = {"ratelimit-limit: 100;w=3600", "ratelimit-remaining: " + left->second};
    reply.send(200, fields, "body");
  }};
};

class Accounts : public ::testing::Test {
 protected:
  Options options() {
    Options options = quick_options(registry.server.url());
    for (const char* user : {"one", "two", "three"})
      options.upstreams[0].endpoints[0].credentials.emplace_back(user, "secret");
    return options;
  }
  std::optional<cache::Failure> ask(Client& client, const std::string& repository = "a/b") {
    auto request = blob_request();
    request.repository = repository;
    Recorder recorder;
    EXPECT_TRUE(client.run(std::move(request), recorder));
    return recorder.failure;
  }
  Registry registry;
};

TEST_F(Accounts, ARepositoryHasItsOwn) {
  Client client(options());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(ask(client));
  const auto askers = registry.askers();
  EXPECT_EQ(std::set(askers.begin(), askers.end()).size(), 1U) << "tokens serve again";
}

TEST_F(Accounts, ManyRepositoriesUseAll) {
  Client client(options());
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(ask(client, "a/r" + std::to_string(i)));
  const auto askers = registry.askers();
  EXPECT_EQ(std::set(askers.begin(), askers.end()).size(), 3U);
}

TEST_F(Accounts, UsesTheNextAccountForTheSameRequestWhenOneIsLimited) {
  Client client(options());
  EXPECT_FALSE(ask(client));
  const std::string first = registry.askers().back();
  registry.limit(first);
  EXPECT_FALSE(ask(client));
  const std::string second = registry.askers().back();
  EXPECT_NE(second, first);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ask(client));
  const auto askers = registry.askers();
  EXPECT_EQ(std::count(askers.begin(), askers.end(), first), 2) << "once before and once limited";
}

TEST_F(Accounts, AnEndpointWithFewPullsLeftIsSparedManifests) {
  const auto answering = [](std::vector<std::string> fields) {
    return [fields = std::move(fields)](const Received& request, Reply& reply) {
      const bool ping = request.target == "/v2/";
      reply.send(200, ping ? std::vector<std::string>{"Content-Type: application/json"} : fields,
                 ping ? "{}" : "body");
    };
  };
  ScriptedServer few(answering({"ratelimit-limit: 100;w=3600", "ratelimit-remaining: 7;w=3600"}));
  ScriptedServer other(answering({}));
  Client client(quick_options({few.url(), other.url()}));
  const auto ask = [&client](cache::FetchRequest request) {
    Recorder recorder;
    EXPECT_TRUE(client.run(std::move(request), recorder));
    EXPECT_FALSE(recorder.failure);
  };
  ask(manifest_request());
  ASSERT_EQ(few.count("/manifests/"), 1);
  for (int i = 0; i < 5; ++i) ask(manifest_request());
  EXPECT_EQ(few.count("/manifests/"), 1);
  EXPECT_EQ(other.count("/manifests/"), 5);
}

TEST_F(Accounts, SendsNothingWhileAllAccountsAreLimited) {
  Client client(options());
  EXPECT_FALSE(ask(client));
  for (const char* basic :
       {"Basic b25lOnNlY3JldA==", "Basic dHdvOnNlY3JldA==", "Basic dGhyZWU6c2VjcmV0"})
    registry.limit(basic);
  const auto failure = ask(client);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::rate_limited);
  EXPECT_EQ(registry.askers().size(), 4U) << "each once";
  EXPECT_TRUE(ask(client));
  EXPECT_EQ(registry.askers().size(), 4U);
}

TEST_F(Accounts, EachHasOneTryHoweverShortItIsLimited) {
  auto brief = options();
  brief.timeouts.rate_limit = std::chrono::milliseconds(0);
  Client client(brief);
  for (const char* basic :
       {"Basic b25lOnNlY3JldA==", "Basic dHdvOnNlY3JldA==", "Basic dGhyZWU6c2VjcmV0"})
    registry.limit(basic, "Retry-After: 0");
  ASSERT_TRUE(ask(client));
  EXPECT_EQ(registry.askers().size(), 3U);
}

TEST_F(Accounts, RecallsTheWaitsOfAnotherProcess) {
  Client client(options());
  EXPECT_FALSE(ask(client));
  registry.limit(registry.askers().back());
  EXPECT_FALSE(ask(client));
  Reports known;
  client.on_loop([&] { known = client.curl().report(); });
  ASSERT_EQ(known.at(0).endpoints.at(0).waits.size(), 1U);
  EXPECT_EQ(known[0].endpoints[0].limited.count(), 0) << "two may still be used";

  const auto before = registry.askers().size();
  Client next(options());
  next.on_loop([&] { next.curl().recall(known); });
  EXPECT_FALSE(ask(next));
  EXPECT_EQ(registry.askers().size(), before + 1) << "the limited one is not asked";
}

TEST_F(Accounts, ALimitedTokenServerLeavesTheOthers) {
  std::mutex mutex;
  std::set<std::string> limited;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    const std::string asker = request.header("authorization");
    if (request.target.starts_with("/token")) {
      const std::lock_guard lock(mutex);
      if (limited.empty()) limited.insert(asker);
      if (limited.contains(asker)) return reply.send(429, {"Retry-After: 60"}, "");
      return reply.send(200, {}, R"({"token":"t","expires_in":300})");
    }
    if (asker == "Bearer t") return reply.send(200, {}, "body");
    reply.send(401,
               {"WWW-Authenticate: Bearer realm=\"http://127.0.0.1:" +
                request.header("host").substr(request.header("host").find(':') + 1) +
                "/token\",service=\"s\",scope=\"repository:a/b:pull\""},
               "");
  });
  auto several = options();
  several.upstreams[0].endpoints[0].url = server.url();
  Client client(several);
  EXPECT_FALSE(ask(client));
  EXPECT_EQ(server.count("/token"), 2);
}

TEST_F(Accounts, TheOneWithMoreLeftIsUsed) {
  Client client(options());
  EXPECT_FALSE(ask(client));
  const std::string first = registry.askers().back();
  registry.leave(first, "3");
  EXPECT_FALSE(ask(client));
  EXPECT_EQ(registry.askers().back(), first) << "nothing was known before that answer";
  EXPECT_FALSE(ask(client));
  EXPECT_NE(registry.askers().back(), first);
  client.on_loop([&] { EXPECT_FALSE(client.source().low_on_quota("test")); });
}

TEST_F(Accounts, FewAreLeftWhereNoneHasMore) {
  auto one = options();
  one.upstreams[0].endpoints[0].credentials.resize(1);
  Client client(one);
  EXPECT_FALSE(ask(client));
  client.on_loop([&] { EXPECT_FALSE(client.source().low_on_quota("test")); });
  registry.leave(registry.askers().back(), "3");
  EXPECT_FALSE(ask(client));
  client.on_loop([&] { EXPECT_TRUE(client.source().low_on_quota("test")); });
  EXPECT_NE(
      client.metrics_text().find("endpoint=\"" + endpoint_label(registry.server.url()) + "\"} 3\n"),
      std::string::npos);
}

TEST_F(Accounts, ARequestEndsWithTheLastAccountThatWasNotLimited) {
  Client client(options());
  for (int limited = 0; limited < 3; ++limited) {
    EXPECT_FALSE(ask(client));
    registry.limit(registry.askers().back());
  }
  const auto before = registry.askers().size();
  EXPECT_TRUE(ask(client));
  EXPECT_EQ(registry.askers().size(), before + 1) << "a limited account was used again";
}

TEST_F(Accounts, AnAnonymousResponseSaysNothingAboutThePullsOfTheAccount) {
  ScriptedServer open([](const Received&, Reply& reply) {
    reply.send(200, {"ratelimit-limit: 100;w=3600", "ratelimit-remaining: 3;w=3600"}, "body");
  });
  auto one = quick_options(open.url());
  one.upstreams[0].endpoints[0].credentials.emplace_back("one", "secret");
  Client client(one);
  EXPECT_FALSE(ask(client));
  client.on_loop([&] { EXPECT_FALSE(client.source().low_on_quota("test")); });
}

}  // namespace
}  // namespace entrepot::upstream
