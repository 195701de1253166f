// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>

#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

std::string numbered(int i) {
  std::string path("/");
  path += std::to_string(i);
  return path;
}

using testing::HasSubstr;
using testing::Not;

TEST(Server, AnswersOneRequestAfterAnotherOnOneConnection) {
  ServerUnderTest server(echo_path);
  RawClient client(server.port());
  for (const char* path : {"/a", "/b", "/c"}) {
    client.send(get(path));
    const RawClient::Reply reply = client.reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, path);
    EXPECT_THAT(reply.head, Not(HasSubstr("Connection")));
  }
  const auto finished = server.wait_finished(3);
  EXPECT_EQ(finished.size(), 3U);
  for (const ReplyStats& stats : finished) {
    EXPECT_TRUE(stats.complete);
    EXPECT_EQ(stats.status, 200);
    EXPECT_EQ(stats.body_bytes, 2U);
    EXPECT_LE(stats.started, stats.first_byte);
    EXPECT_LE(stats.first_byte, stats.finished);
  }
}

TEST(Server, AHandlerThatThrowsClosesOnlyItsConnection) {
  std::atomic<std::uint64_t> failures{0};
  ServerOptions options;
  options.handler_failures = metrics::Counter(&failures);
  ServerUnderTest server(
      [](const ExchangePtr& exchange) {
        if (exchange->request().path() == "/throws") throw std::runtime_error("no bread");
        echo_path(exchange);
      },
      options);
  RawClient other(server.port());
  RawClient client(server.port());
  client.send(get("/throws"));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(failures, 1U);
  EXPECT_FALSE(server.wait_finished(1).front().complete);
  other.send(get("/a"));
  EXPECT_EQ(other.reply().body, "/a");
}

TEST(Server, EachLoopServesConnections) {
  std::latch both(2);
  std::array<std::atomic<bool>, 2> seen{};
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        exchange->executor().assert_in_thread();
        const auto& loop = dynamic_cast<const loop::Loop&>(exchange->executor());
        const std::size_t which = loop.name() == "serve-0" ? 0 : 1;
        if (!seen[which].exchange(true)) both.count_down();
        echo_path(exchange);
      },
      {}, 2);
  // The kernel chooses the loop of a connection, so connect until each loop has one.
  for (int i = 0; i < 1000 && !both.try_wait(); ++i) {
    RawClient client(server.port());
    client.send(get("/"));
    EXPECT_EQ(client.reply().status, 200);
  }
  EXPECT_TRUE(both.try_wait());
}

TEST(Server, PipelinedRequestsAreAnsweredInOrderAndOneAtATime) {
  std::vector<ExchangePtr> waiting;
  ServerUnderTest server([&](const ExchangePtr& exchange) {
    if (exchange->request().path() == "/0")
      waiting.push_back(exchange);
    else
      echo_path(exchange);
  });
  RawClient client(server.port());
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += get(numbered(i));
  client.send(bytes);
  server.wait_handled(1);
  server.on_loop([&] { EXPECT_EQ(server.handled(), 1U); });
  server.on_loop([&] {
    echo_path(waiting[0]);
    waiting.clear();
    // The next request is handled in another turn, never inside reply().
    EXPECT_EQ(server.handled(), 1U);
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(client.reply().body, numbered(i));
  EXPECT_EQ(server.wait_finished(1000).size(), 1000U);
}

TEST(Server, AReplyToHeadHasTheLengthAndNoBody) {
  const auto body = std::make_shared<const std::string>("shared");
  ServerUnderTest server([&](const ExchangePtr& exchange) {
    const std::string_view path = exchange->request().path();
    if (path == "/view") exchange->reply(ReplyHead(200), std::string_view("text"));
    if (path == "/shared") exchange->reply(ReplyHead(200), body);
    if (path == "/head") exchange->reply_head(ReplyHead(200), 99);
    if (path == "/304") exchange->reply(ReplyHead(304), std::string_view());
    if (path == "/none") exchange->reply_head(ReplyHead(304), UINT64_MAX);
  });
  RawClient client(server.port());
  for (const auto& [path, length] :
       {std::pair{"/view", "Content-Length: 4\r\n"}, std::pair{"/shared", "Content-Length: 6\r\n"},
        std::pair{"/head", "Content-Length: 99\r\n"}}) {
    client.send(get(path, "", "HEAD"));
    EXPECT_THAT(client.reply(false).head, HasSubstr(length)) << path;
  }
  for (const char* path : {"/304", "/none"}) {
    client.send(get(path));
    const RawClient::Reply reply = client.reply(false);
    EXPECT_EQ(reply.status, 304);
    EXPECT_THAT(reply.head, Not(HasSubstr("Content-Length"))) << path;
  }
  for (const ReplyStats& stats : server.wait_finished(5)) EXPECT_EQ(stats.body_bytes, 0U);
}

TEST(Server, ALargeReplyFromMemoryArrivesWhole) {
  const auto body = std::make_shared<const std::string>(20'000'000, 'x');
  ServerUnderTest server([&](const ExchangePtr& exchange) {
    if (exchange->request().path() == "/shared")
      exchange->reply(ReplyHead(200), body);
    else
      exchange->reply(ReplyHead(200), std::string_view(*body));
  });
  RawClient client(server.port(), 4096);
  client.send(get("/shared") + get("/view"));
  EXPECT_TRUE(client.reply().body == *body);
  EXPECT_TRUE(client.reply().body == *body);
  const auto finished = server.wait_finished(2);
  EXPECT_EQ(finished[0].body_bytes, body->size());
  server.destroy();
  EXPECT_EQ(body.use_count(), 1);
}

TEST(Server, AClientThatLeavesClosesItsExchange) {
  ExchangePtr kept;
  ServerUnderTest server([&](const ExchangePtr& exchange) { kept = exchange; });
  for (const bool politely : {true, false}) {
    auto client = std::make_unique<RawClient>(server.port());
    client->send(get("/"));
    server.wait_handled(politely ? 1 : 2);
    if (!politely) client->abort();
    client.reset();
    const auto finished = server.wait_finished(politely ? 1 : 2);
    EXPECT_FALSE(finished.back().complete);
    EXPECT_EQ(finished.back().status, 0);
    EXPECT_EQ(finished.back().body_bytes, 0U);
    server.on_loop([&] {
      EXPECT_TRUE(kept->closed());
      EXPECT_EQ(kept->request().path(), "") << "the request ends with the exchange";
      kept->reply(ReplyHead(200), std::string_view("too late"));
      kept.reset();
    });
  }
  EXPECT_EQ(server.wait_finished(2).size(), 2U) << "finished() was called twice";
}

TEST(Server, AHalfClosedClientGetsItsReplies) {
  ServerUnderTest server(echo_path);
  RawClient client(server.port());
  client.send(get("/a") + get("/b"));
  client.half_close();
  EXPECT_EQ(client.reply().body, "/a");
  EXPECT_EQ(client.reply().body, "/b");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
}

TEST(Server, AWriteIsHandledWithoutItsBody) {
  ServerUnderTest server(
      [](const ExchangePtr& exchange) { exchange->reply(ReplyHead(405), std::string_view("no")); });
  RawClient unread(server.port());
  unread.send(get("/", "Content-Length: 1073741824\r\n", "PUT") + "some of it");
  const RawClient::Reply reply = unread.reply();
  EXPECT_EQ(reply.status, 405);
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_EQ(unread.read_all(), "");

  RawClient small(server.port());  // the body has arrived, so the connection is kept
  small.send(get("/", "Content-Length: 3\r\n", "POST") + "abc" + get("/"));
  EXPECT_THAT(small.reply().head, Not(HasSubstr("Connection: close")));
  EXPECT_EQ(small.reply().status, 405);
}

TEST(Server, AnAnswerArrivesAlthoughTheUploadContinues) {
  ServerUnderTest server(
      [](const ExchangePtr& exchange) { exchange->reply(ReplyHead(405), std::string_view("no")); });
  RawClient client(server.port());
  client.send(get("/", "Transfer-Encoding: chunked\r\n", "PATCH"));
  const std::string chunk = std::string("8000\r\n").append(0x8000, 'u').append("\r\n");
  for (int i = 0; i < 6; ++i) client.send(chunk);
  EXPECT_EQ(client.reply().status, 405);
}

TEST(Server, Http10KeepsTheConnectionOnRequest) {
  ServerUnderTest server(echo_path);
  RawClient client(server.port());
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.reply().head, HasSubstr("Connection: keep-alive"));
  client.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.reply().head, HasSubstr("Connection: close"));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
}

TEST(Server, ItsDestructorFinishesOpenExchanges) {
  std::vector<ExchangePtr> kept;
  auto server = std::make_unique<ServerUnderTest>([&](const ExchangePtr& e) { kept.push_back(e); });
  RawClient client(server->port());
  client.send(get("/"));
  server->wait_handled(1);
  server->destroy();
  EXPECT_EQ(server->wait_finished(1).size(), 1U);
  EXPECT_TRUE(kept[0]->closed());
  server->on_loop([&] { kept[0]->reply(ReplyHead(200), std::string_view("late")); });
  EXPECT_EQ(client.reply().status, 0);
}

TEST(Server, CloseEndsAllConnections) {
  ServerUnderTest server([](const ExchangePtr&) {});
  RawClient asking(server.port());
  RawClient idle(server.port());
  asking.send(get("/"));
  server.wait_handled(1);
  server.server().close();
  EXPECT_EQ(asking.reply().status, 0);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(server.wait_finished(1)[0].complete);
  server.wait_idle();
}

}  // namespace
}  // namespace entrepot::http
