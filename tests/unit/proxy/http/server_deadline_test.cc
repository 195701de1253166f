// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/proxy/http/file_body.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

ServerOptions options(milliseconds header, milliseconds idle, milliseconds send) {
  ServerOptions options;
  options.header_timeout = header;
  options.idle_timeout = idle;
  options.send_timeout = send;
  return options;
}

constexpr milliseconds never = std::chrono::minutes(10);
constexpr milliseconds soon{120};

/// A client whose first bytes are there when the server accepts it. Otherwise a machine that stands
/// still between the two would let the deadline pass.
std::unique_ptr<RawClient> client_that_sends(ServerUnderTest& server, const std::string& bytes) {
  std::unique_ptr<RawClient> client;
  server.on_loop([&] {
    client = std::make_unique<RawClient>(server.port());
    client->send(bytes);
  });
  return client;
}

TEST(ServerDeadline, AnUnfinishedHeadGets408) {
  ServerUnderTest server(echo_path, options(soon, never, never));
  const auto start = steady_clock::now();
  const auto client = client_that_sends(server, "GET / HTTP/1.1\r\nHost: a\r\n");
  const RawClient::Reply reply = client->reply();
  EXPECT_EQ(reply.status, 408);
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_EQ(client->read_all(), "");
  EXPECT_GE(steady_clock::now() - start, soon - milliseconds(5));
  EXPECT_EQ(server.refusals(), std::vector<int>{408});
}

TEST(ServerDeadline, BytesDoNotExtendTheDeadlineOfTheHead) {
  ServerUnderTest server(echo_path, options(soon, never, never));
  const auto client = client_that_sends(server, "GET / HTTP/1.1\r\nX: ");
  // Sends a byte after each turn of the server, far more often than the deadline.
  const auto start = steady_clock::now();
  while (server.refusals().empty() && steady_clock::now() - start < std::chrono::seconds(10)) {
    client->send("a");
    server.on_loop([] {});
  }
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(client->reply().status, 408);
}

TEST(ServerDeadline, TheFirstDeadlineRunsFromTheAccept) {
  for (milliseconds header(1000);; header *= 2) {
    ServerUnderTest server(echo_path, options(header, never, never));
    const auto start = steady_clock::now();
    const auto wait_until = [&](milliseconds time) {
      while (steady_clock::now() - start < time) server.on_loop([] {});
    };
    RawClient client(server.port());
    wait_until(header / 2);
    RawClient later(server.port());
    wait_until(header * 4 / 5);
    client.send("G");
    server.on_loop([] {});
    if (steady_clock::now() - start >= header) continue;  // the machine stood still
    // The deadline of the later one is between those that the first one may have.
    EXPECT_EQ(later.read_all(), "");
    server.on_loop([] {});
    EXPECT_EQ(server.refusals(), std::vector<int>{408}) << "the deadline ran from the first byte";
    return;
  }
}

TEST(ServerDeadline, ASecondRequestHasItsOwnDeadline) {
  ServerUnderTest server(echo_path, options(soon, never, never));
  const auto client = client_that_sends(server, get("/"));
  EXPECT_EQ(client->reply().status, 200);
  client->send("G");
  EXPECT_EQ(client->reply().status, 408);
}

TEST(ServerDeadline, AnUnfinishedBodyGets408) {
  ServerUnderTest server(echo_path, options(soon, never, never));
  const auto client = client_that_sends(server, get("/", "Content-Length: 10\r\n") + "123");
  EXPECT_EQ(client->reply().status, 408);
  EXPECT_EQ(server.handled(), 0U);
}

TEST(ServerDeadline, ASilentConnectionIsClosedWithoutAnAnswer) {
  ServerUnderTest server(echo_path, options(soon, never, never));
  RawClient client(server.port());
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_TRUE(server.refusals().empty());
}

TEST(ServerDeadline, AnIdleConnectionIsClosed) {
  ServerUnderTest server(echo_path, options(never, soon, never));
  RawClient client(server.port());
  const auto start = steady_clock::now();
  client.send(get("/"));
  EXPECT_EQ(client.reply().status, 200);
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_GE(steady_clock::now() - start, soon);
}

TEST(ServerDeadline, WaitingForAHandlerOrABodyHasNoDeadline) {
  GrowingFile file;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        exchange->reply(ReplyHead(200), std::make_unique<GrowingFile::View>(file),
                        {.list = {{0, 2}}});
      },
      options(milliseconds(20), milliseconds(20), milliseconds(20)));
  const auto client = client_that_sends(server, get("/"));
  EXPECT_EQ(client->reply(false).status, 200);
  // Silent connections, one after another, are closed at their deadlines, so this one has waited
  // for several times as long.
  for (int i = 0; i < 5; ++i) EXPECT_EQ(RawClient(server.port()).read_all(), "");
  server.on_loop([&] { file.append("a"); });
  EXPECT_EQ(client->read(1), "a");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(RawClient(server.port()).read_all(), "");
  server.on_loop([&] { file.append("b"); });
  EXPECT_EQ(client->read(1), "b");
  EXPECT_TRUE(server.wait_finished(1)[0].complete);
}

TEST(ServerDeadline, AClientThatStopsReadingIsDisconnected) {
  const auto body = std::make_shared<const std::string>(64 << 20, 'x');
  ServerUnderTest server([&](const ExchangePtr& e) { e->reply(ReplyHead(200), body); },
                         options(never, never, soon));
  RawClient client(server.port(), 4096);
  client.send(get("/"));
  const auto finished = server.wait_finished(1);
  EXPECT_FALSE(finished[0].complete);
  EXPECT_LT(finished[0].body_bytes, body->size());
  EXPECT_GE(finished[0].finished - finished[0].started, soon);
  server.wait_idle();
}

TEST(ServerDeadline, ASlowReaderKeepsItsConnectionWhileTheBufferOfTheKernelIsFull) {
  const auto body = std::make_shared<const std::string>(8 << 20, 'x');
  for (milliseconds send(400);; send *= 2) {
    ServerUnderTest server([&](const ExchangePtr& e) { e->reply(ReplyHead(200), body); },
                           options(never, never, send));
    RawClient client(server.port(), 4096);
    client.send(get("/"));
    EXPECT_EQ(client.reply(false).status, 200);
    // Reads 64 bytes a millisecond for several timeouts, too slow for the kernel to ask for more.
    const auto start = steady_clock::now();
    std::size_t read = 0;
    milliseconds spent(0), pause(0);
    while (spent < send * 15 / 4) {
      if (read < static_cast<std::size_t>(spent.count()) * 64) read += client.read(2048).size();
      server.on_loop([] {});
      const auto now = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
      pause = std::max(pause, now - spent);
      spent = now;
    }
    if (server.wait_finished(0).empty()) return;
    // Otherwise the machine stood still, and the client with it.
    ASSERT_GT(pause, send / 4) << "cut after " << read;
  }
}

}  // namespace
}  // namespace entrepot::http
