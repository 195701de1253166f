// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <vector>

#include "proxy/http/client/client_shares.h"
#include "proxy/http/listener.h"
#include "tests/fakes/no_descriptors.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

using testing::HasSubstr;

TEST(ServerLimit, ConnectionsOverTheLimitGet503) {
  ServerOptions options;
  options.limits.connections = 2;
  ServerUnderTest server(echo_path, options);
  auto first = std::make_unique<RawClient>(server.port());
  RawClient second(server.port());
  for (RawClient* client : {first.get(), &second}) {
    client->send(get("/"));
    EXPECT_EQ(client->reply().status, 200);
  }
  {
    RawClient third(server.port());
    third.send(get("/"));
    const RawClient::Reply reply = third.reply();
    EXPECT_EQ(reply.status, 503);
    EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
    EXPECT_EQ(third.read_all(), "");
  }
  second.send(get("/"));
  EXPECT_EQ(second.reply().status, 200) << "the other connections continue";
  first.reset();
  int status = 503;  // until the server has closed its side
  for (int i = 0; i < 10000 && status == 503; ++i) {
    RawClient again(server.port());
    again.send(get("/"));
    status = again.reply().status;
  }
  EXPECT_EQ(status, 200);
}

TEST(ServerLimit, OneClientLeavesPlacesToOtherClients) {
  ServerOptions options;
  options.limits.connections = 8;
  options.limits.connections_each = 1;
  ServerUnderTest server(echo_path, options);
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(std::make_unique<RawClient>(server.port()));
    held.back()->send(get("/"));
    EXPECT_EQ(held.back()->reply().status, 200);
  }
  {
    RawClient more(server.port());
    const RawClient::Reply reply = more.reply();
    EXPECT_EQ(reply.status, 429);
    EXPECT_THAT(reply.head, HasSubstr("Retry-After: 5"));
    EXPECT_THAT(reply.body, HasSubstr("of one client"));
    EXPECT_EQ(more.read_all(), "");
  }
  RawClient other(server.port(), 0, "127.0.0.2");
  other.send(get("/"));
  EXPECT_EQ(other.reply().status, 200);
  held[0]->send(get("/"));
  EXPECT_EQ(held[0]->reply().status, 200) << "the client keeps its connections";
}

std::string large_head() { return get("/", "X: " + std::string(30'000, 'x') + "\r\n"); }

TEST(ServerLimit, UnfinishedHeadsShareALimit) {
  ServerOptions options;
  options.limits.heads = 200'000;  // one client may hold half: three heads with their capacity
  options.header_timeout = std::chrono::minutes(10);
  ServerUnderTest server(echo_path, options);
  const std::string unfinished = large_head().substr(0, 20'000);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(get("/"));
    EXPECT_EQ(clients.back()->reply().status, 200);
    clients.back()->send(unfinished);
  }
  // Each answer takes at least one turn of the loop, which reads 4 KiB of each connection.
  RawClient small(server.port());
  for (int i = 0; i < 20; ++i) {
    small.send(get("/"));
    EXPECT_EQ(small.reply().status, 200);
  }
  RawClient fourth(server.port());
  fourth.send(large_head());
  const RawClient::Reply reply = fourth.reply();
  EXPECT_EQ(reply.status, 429);
  EXPECT_THAT(reply.body, HasSubstr("large request heads"));
  small.send(get("/"));
  EXPECT_EQ(small.reply().status, 200) << "small heads do not count";
  RawClient other(server.port(), 0, "127.0.0.2");
  other.send(large_head());
  EXPECT_EQ(other.reply().status, 200) << "half of the bytes are for other clients";
  clients.clear();
  int status = 429;  // until the server has closed its side
  for (int i = 0; i < 10000 && status == 429; ++i) {
    RawClient again(server.port());
    again.send(large_head());
    status = again.reply().status;
  }
  EXPECT_EQ(status, 200) << "ended connections return their bytes";
}

TEST(ServerLimit, AHeadCountsUntilItsReplyEnds) {
  std::vector<ExchangePtr> waiting;
  ServerOptions options;
  options.limits.heads = 200'000;
  ServerUnderTest server([&](const ExchangePtr& exchange) { waiting.push_back(exchange); },
                         options);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(large_head());
    server.wait_handled(i + 1);
  }
  RawClient fourth(server.port());
  fourth.send(large_head());
  EXPECT_EQ(fourth.reply().status, 429);
  // A handler may keep the exchange of a client that has left, but its head is freed.
  clients[0].reset();
  server.wait_finished(1);
  server.on_loop([&] { EXPECT_LT(waiting[0]->request().memory(), 1000U); });
  RawClient fifth(server.port());
  fifth.send(large_head());
  server.wait_handled(4);
  server.on_loop([&] {
    for (const ExchangePtr& exchange : std::exchange(waiting, {}))
      exchange->reply(ReplyHead(200), std::string_view("done"));
  });
  EXPECT_EQ(fifth.reply().body, "done");
}

TEST(ServerLimit, TheRequestsOfOneNameAreBoundedOnAllServers) {
  ClientShares shares({.requests_each = 1});
  ServerOptions options;
  options.shares = &shares;
  std::atomic<std::uint64_t> none{0}, refused{0};
  options.client_counters = one_counter(none);
  options.client_counters->requests = metrics::Counter(&refused);
  std::vector<ExchangePtr> waiting;
  std::vector<ClientAddress> clients;
  const auto serve = [&](const ExchangePtr& exchange) {
    if (!exchange->begin_request("ci"))
      return exchange->reply(ReplyHead(429), std::string_view("no more"));
    clients.push_back(exchange->client());
    waiting.push_back(exchange);
  };
  ServerUnderTest one(serve, options), two(serve, options);
  RawClient first(one.port());
  first.send(get("/"));
  one.wait_handled(1);
  RawClient second(two.port(), 0, "127.0.0.2");
  second.send(get("/"));
  EXPECT_EQ(second.reply().status, 429);
  EXPECT_EQ(refused, 1U);
  EXPECT_EQ(none, 0U);
  one.on_loop([&] { echo_path(std::exchange(waiting, {})[0]); });
  EXPECT_EQ(first.reply().status, 200);
  one.wait_finished(1);
  second.send(get("/"));
  two.wait_handled(2);
  two.on_loop([&] { echo_path(waiting[0]); });
  EXPECT_EQ(second.reply().status, 200);
  EXPECT_EQ(clients[0], clients[1]) << "one client for fair scheduling";
  EXPECT_EQ(shares.size(), 1U);
}

TEST(ServerLimit, TheMissesOfOneClientAreBounded) {
  ClientShares shares({.misses_each = 1});
  ServerOptions options;
  options.shares = &shares;
  std::vector<ExchangePtr> waiting;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        if (exchange->begin_request("") && exchange->begin_miss())
          waiting.push_back(exchange);
        else
          exchange->reply(ReplyHead(429), std::string_view("no more"));
      },
      options);
  RawClient first(server.port());
  first.send(get("/"));
  server.wait_handled(1);
  RawClient second(server.port());
  second.send(get("/"));
  EXPECT_EQ(second.reply().status, 429);
  RawClient other(server.port(), 0, "127.0.0.2");
  other.send(get("/"));
  server.wait_handled(3);
  server.on_loop([&] {
    for (const ExchangePtr& exchange : std::exchange(waiting, {})) echo_path(exchange);
  });
  EXPECT_EQ(first.reply().status, 200);
  EXPECT_EQ(other.reply().status, 200);
  server.wait_finished(3);
  second.send(get("/"));
  server.wait_handled(4);
  server.on_loop([&] {
    ASSERT_EQ(waiting.size(), 1U) << "an answered miss does not count";
    echo_path(waiting[0]);
  });
  EXPECT_EQ(second.reply().status, 200);
}

TEST(ServerLimit, WithoutDescriptorsItPausesAndThenContinues) {
#ifdef ENTREPOT_ASAN
  GTEST_SKIP() << "the sanitizer probes memory through a pipe, for which no descriptor is left";
#endif
  ServerUnderTest server(echo_path);
  RawClient before(server.port());
  before.send(get("/"));
  EXPECT_EQ(before.reply().status, 200);
  std::unique_ptr<RawClient> turned_away;
  {
    NoDescriptors none;
    none.give_back_one();
    const auto start = std::chrono::steady_clock::now();
    turned_away = std::make_unique<RawClient>(server.port());
    turned_away->send(get("/"));
    EXPECT_EQ(turned_away->reply().status, 503);
    before.send(get("/"));
    EXPECT_EQ(before.reply().status, 200) << "open connections continue";
    EXPECT_EQ(server.refusals(), std::vector<int>{503});
    none.give_back_one();
    RawClient another(server.port());
    EXPECT_EQ(another.reply().status, 503);
    EXPECT_GE(std::chrono::steady_clock::now() - start,
              Listener::rest - std::chrono::milliseconds(10))
        << "the listener does not pause";
    turned_away.reset();
    none.give_back_one();
    RawClient after(server.port());
    after.send(get("/"));
    EXPECT_EQ(after.reply().status, 200);
  }
}

class Drain : public testing::Test {
 protected:
  std::future<void> drain(ServerUnderTest& server, Next next = Next::none) {
    auto drained = std::make_shared<std::promise<void>>();
    server.server().drain(next, [drained] { drained->set_value(); });
    return drained->get_future();
  }
  static void expect_ready(std::future<void>& future) {
    ASSERT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  }
};

TEST_F(Drain, CompletesRequestsInProgressAndClosesIdleConnections) {
  ExchangePtr kept;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        if (exchange->request().path() == "/slow")
          kept = exchange;
        else
          echo_path(exchange);
      },
      {}, 1);
  RawClient idle(server.port());
  idle.send(get("/"));
  EXPECT_EQ(idle.reply().status, 200);
  RawClient slow(server.port());
  slow.send(get("/slow"));
  server.wait_handled(2);

  auto drained = drain(server);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.ended_cleanly());
  EXPECT_NE(drained.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  server.on_loop([&] { echo_path(std::exchange(kept, nullptr)); });
  const RawClient::Reply reply = slow.reply();
  EXPECT_EQ(reply.body, "/slow");
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_EQ(slow.read_all(), "");
  expect_ready(drained);
  EXPECT_EQ(server.server().connections(), 0U);
}

TEST_F(Drain, AnswersTheFirstRequestOfAConnection) {
  ServerUnderTest server(echo_path, {}, 2);
  RawClient client(server.port());
  auto drained = drain(server);
  client.send(get("/"));
  const RawClient::Reply reply = client.reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  expect_ready(drained);
}

TEST_F(Drain, AnswersOneMoreRequestIfAnotherProcessListens) {
  ServerUnderTest server(echo_path, {}, 1);
  RawClient idle(server.port());
  idle.send(get("/"));
  EXPECT_EQ(idle.reply().status, 200);
  auto drained = drain(server, Next::listens);
  EXPECT_NE(drained.wait_for(std::chrono::milliseconds(50)), std::future_status::ready);
  idle.send(get("/more"));
  const RawClient::Reply reply = idle.reply();
  EXPECT_EQ(reply.body, "/more");
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_EQ(idle.read_all(), "");
  expect_ready(drained);
}

TEST_F(Drain, AnIdleServerEndsAtOnce) {
  ServerUnderTest server(echo_path, {}, 2);
  auto drained = drain(server);
  expect_ready(drained);
}

}  // namespace
}  // namespace entrepot::http
