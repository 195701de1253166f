// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

/// A handler that keeps the exchanges of /wait and answers all others. With several loops,
/// `waiting` is safe only while one connection at a time asks for /wait.
auto keeps_waiting(std::vector<ExchangePtr>& waiting) {
  return [&waiting](const ExchangePtr& exchange) {
    if (exchange->request().path() == "/wait")
      waiting.push_back(exchange);
    else
      echo_path(exchange);
  };
}

/// Options with `connections` places, all of which one client may have.
ServerOptions places(std::size_t connections, ServerOptions::Displaces displaces) {
  ServerOptions options;
  options.limits.connections = options.limits.connections_each = connections;
  options.displaces = displaces;
  return options;
}

TEST(ServerDisplacement, IdleConnectionsGoFirstThenTheOldestOfTheBusyOnes) {
  std::vector<ExchangePtr> waiting;  // the loop's
  ServerUnderTest server(keeps_waiting(waiting), places(2, ServerOptions::Displaces::anybody));
  RawClient busy(server.port());
  busy.send(get("/wait"));
  server.wait_handled(1);
  RawClient idle(server.port());
  idle.send(get("/"));
  EXPECT_EQ(idle.reply().status, 200);
  RawClient newcomer(server.port());
  newcomer.send(get("/a"));
  EXPECT_EQ(newcomer.reply().body, "/a");
  EXPECT_EQ(idle.read_all(), "") << "the other connection has a request without an answer";
  newcomer.send(get("/wait"));
  server.wait_handled(4);
  RawClient last(server.port());
  last.send(get("/b"));
  EXPECT_EQ(last.reply().body, "/b");
  EXPECT_EQ(busy.read_all(), "") << "all connections are busy, so the oldest is closed";
  server.on_loop([&waiting] { waiting.clear(); });
}

TEST(ServerDisplacement, OnlyIdleConnectionsGoWithDisplacesIdle) {
  std::vector<ExchangePtr> waiting;  // the loop's
  auto options = places(2, ServerOptions::Displaces::idle);
  std::atomic<std::uint64_t> none{0}, idle_cut{0};
  options.client_counters = one_counter(none);
  options.client_counters->idle = metrics::Counter(&idle_cut);
  ServerUnderTest server(keeps_waiting(waiting), options);
  RawClient busy(server.port());
  busy.send(get("/wait"));
  server.wait_handled(1);
  RawClient idle(server.port());
  idle.send(get("/"));
  EXPECT_EQ(idle.reply().status, 200);
  RawClient newcomer(server.port());
  newcomer.send(get("/wait"));
  server.wait_handled(3);
  EXPECT_EQ(idle.read_all(), "");
  RawClient last(server.port());
  EXPECT_EQ(last.reply().status, 503) << "all others wait for their answers";
  server.on_loop([&waiting] {
    for (const ExchangePtr& exchange : std::exchange(waiting, {})) echo_path(exchange);
  });
  EXPECT_EQ(busy.reply().body, "/wait");
  EXPECT_EQ(newcomer.reply().body, "/wait");
  EXPECT_EQ(idle_cut, 1U);
}

// The kernel spreads connections over the loops by their ports, so that in 40 rounds some newcomers
// arrive at a loop without an idle connection.
constexpr std::size_t rounds = 40;

class ServerDisplacementOnLoops : public testing::TestWithParam<std::size_t> {};

TEST_P(ServerDisplacementOnLoops, AnIdleConnectionOfAnyLoopMakesRoom) {
  ServerUnderTest server(echo_path, places(1, ServerOptions::Displaces::idle), GetParam());
  std::unique_ptr<RawClient> idle;
  for (std::size_t round = 1; round <= rounds; ++round) {
    auto newcomer = std::make_unique<RawClient>(server.port());
    newcomer->send(get("/"));
    ASSERT_EQ(newcomer->reply().status, 200) << "round " << round;
    if (idle != nullptr) {
      EXPECT_EQ(idle->read_all(), "") << "round " << round;
    }
    // The server may see the connection as idle a moment after the client has its reply.
    server.wait_finished(round);
    idle = std::move(newcomer);
  }
}

TEST_P(ServerDisplacementOnLoops, BusyConnectionsOfAllLoopsLeaveOneRefusal) {
  std::vector<ExchangePtr> waiting;
  auto options = places(1, ServerOptions::Displaces::idle);
  std::atomic<std::uint64_t> turned_away{0};
  options.turned_away = metrics::Counter(&turned_away);
  ServerUnderTest server(keeps_waiting(waiting), options, GetParam());
  RawClient busy(server.port());
  busy.send(get("/wait"));
  server.wait_handled(1);
  for (std::size_t round = 1; round <= rounds; ++round) {
    RawClient newcomer(server.port());
    EXPECT_EQ(newcomer.reply().status, 503) << "round " << round;
    EXPECT_EQ(newcomer.read_all(), "") << "one answer";
    EXPECT_TRUE(newcomer.ended_cleanly());
    EXPECT_EQ(turned_away, round);
    EXPECT_EQ(server.refusals().size(), round);
  }
  waiting.front()->executor().post([&waiting] { echo_path(waiting.front()); });
  EXPECT_EQ(busy.reply().body, "/wait") << "the busy connection keeps its place";
  server.wait_finished(1);
}

TEST_P(ServerDisplacementOnLoops, AFloodOfNewcomersLeavesOneConnection) {
  ServerUnderTest server(echo_path, places(1, ServerOptions::Displaces::idle), GetParam());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < rounds; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(get("/"));
  }
  std::size_t served = 0;
  for (const auto& client : clients) served += client->reply().status == 200 ? 1 : 0;
  EXPECT_GE(served, 1U);
  clients.clear();
  server.wait_idle();
}

TEST(ServerDisplacement, ADrainAnswersNewcomersThatWaitForABlockedLoop) {
  constexpr std::size_t newcomers = 20;
  std::vector<ExchangePtr> waiting;
  auto options = places(1, ServerOptions::Displaces::idle);
  std::atomic<std::uint64_t> turned_away{0};
  options.turned_away = metrics::Counter(&turned_away);
  ServerUnderTest server(keeps_waiting(waiting), options, 2);
  RawClient busy(server.port());
  busy.send(get("/wait"));
  server.wait_handled(1);
  std::promise<void> blocked, unblock;
  waiting.front()->executor().post([&] {
    blocked.set_value();
    unblock.get_future().wait();
  });
  blocked.get_future().wait();

  // Some newcomers arrive at the other loop, which asks the blocked one.
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < newcomers; ++i)
    clients.push_back(std::make_unique<RawClient>(server.port()));
  server.wait_connections(2);
  std::promise<void> drained;
  server.server().drain(Next::none, [&] { drained.set_value(); });
  unblock.set_value();
  for (const auto& client : clients) {
    EXPECT_EQ(client->reply().status, 503);
    EXPECT_EQ(client->read_all(), "");
  }
  EXPECT_EQ(turned_away, newcomers);
  waiting.front()->executor().post([&] { echo_path(waiting.front()); });
  EXPECT_EQ(busy.reply().body, "/wait");
  clients.clear();
  EXPECT_EQ(drained.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_P(ServerDisplacementOnLoops, TheServerEndsWhileNewcomersWaitForAPlace) {
  for (std::size_t round = 0; round < rounds; ++round) {
    ServerUnderTest server(echo_path, places(1, ServerOptions::Displaces::idle), GetParam());
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
    server.destroy();
    for (const auto& client : clients) client->read_all();
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, ServerDisplacementOnLoops, testing::Values(1, 2, 4));

}  // namespace
}  // namespace entrepot::http
