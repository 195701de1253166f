// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/endpoint_trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/loop/loop.h"
#include "tests/fakes/scripted_server.h"

namespace entrepot::app {
namespace {

using fakes::Received;
using fakes::ScriptedServer;

TEST(EndpointTrial, NamesTheStepThatHasNoResult) {
  std::promise<void> asked_again;
  ScriptedServer server([&](const Received& request, ScriptedServer::Reply& reply) {
    if (request.header("authorization").empty())
      return reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
    if (request.header("authorization") == "Basic Zmlyc3Q6c2VjcmV0")  // first:secret
      return reply.send(200, {}, "{}");
    asked_again.set_value();
    reply.wait_for_peer();
  });
  upstream::Options options;
  options.timeouts.connect = options.timeouts.first_byte = std::chrono::minutes(10);
  upstream::UpstreamOptions tried;
  tried.name = "test";
  tried.endpoints.push_back({.url = server.url(), .region = {}, .ns = false});
  for (const char* user : {"first", "second", "third"})
    tried.endpoints.front().credentials.push_back({user, "secret"});
  options.upstreams.push_back(tried);

  const metrics::Metrics metrics({});
  loop::Loop loop("check");
  std::unique_ptr<upstream::Upstream> upstream;
  std::unique_ptr<EndpointTrial> trial;
  loop.post([&] {
    upstream =
        std::make_unique<upstream::Upstream>(loop, options.upstreams.front(), options, metrics);
    trial = std::make_unique<EndpointTrial>(*upstream, [](const auto&) { FAIL(); });
  });
  loop.start();
  asked_again.get_future().wait();
  loop.stop();
  loop.join();
  const auto results = trial->give_up("late");
  trial.reset();
  upstream.reset();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].step, "connection");
  EXPECT_TRUE(results[0].good);
  EXPECT_EQ(results[1].step, "account first");
  EXPECT_TRUE(results[1].good);
  EXPECT_EQ(results[2].step, "account second");
  EXPECT_FALSE(results[2].good);
  EXPECT_EQ(results[2].text, "late");
}

}  // namespace
}  // namespace entrepot::app
