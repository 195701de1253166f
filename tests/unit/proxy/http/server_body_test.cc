// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/http/client/client_shares.h"
#include "proxy/loop/store_pool.h"
#include "tests/unit/proxy/http/file_body.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

std::string pattern(std::size_t n) {
  std::string text(n, '\0');
  for (std::size_t i = 0; i < n; ++i) text[i] = static_cast<char>((i * 2654435761U) >> 13);
  return text;
}

/// A text function that has no text before some pieces.
std::string numbered(const std::vector<Piece>& list, std::size_t index) {
  if (index == list.size()) return "the end";
  return index % 5 == 0 ? "" : "<" + std::to_string(index) + ">";
}

class ServerBody : public testing::Test {
 protected:
  // Answers every request with [offset, offset + length) of the file.
  void serve(std::uint64_t offset, std::uint64_t length, ServerOptions options = {}) {
    serve_pieces({.list = {{offset, length}}}, options);
  }
  void serve_pieces(Pieces pieces, ServerOptions options = {}) {
    server_ = std::make_unique<ServerUnderTest>(
        [this, pieces = std::move(pieces)](const ExchangePtr& exchange) {
          exchange->reply(ReplyHead(200), std::make_unique<GrowingFile::View>(file_), pieces);
        },
        options);
  }
  GrowingFile file_;
  std::unique_ptr<ServerUnderTest> server_;
};

TEST_F(ServerBody, AClientGetsItsRateOnAllItsConnectionsTogether) {
  constexpr std::uint64_t rate = 8 << 20;
  const std::string content = pattern(3'000'001);
  file_.append(content);
  file_.set_state(Body::State::whole);
  ClientShares shares({.bandwidth_each = rate});
  std::atomic<std::uint64_t> none{0}, paced{0};
  ServerOptions options;
  options.shares = &shares;
  options.client_counters = one_counter(none);
  options.client_counters->bandwidth = metrics::Counter(&paced);
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        ASSERT_TRUE(exchange->begin_request(""));
        exchange->reply(ReplyHead(200), std::make_unique<GrowingFile::View>(file_),
                        {.list = {{0, content.size()}}});
      },
      options, 2);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(get("/"));
  }
  for (const auto& client : clients) EXPECT_TRUE(client->reply().body == content);
  // At least: without the burst, and the last part is paid for after its departure.
  const double part = static_cast<double>(Pace(rate).part());
  const double least = (4.0 * static_cast<double>(content.size()) - rate / 4.0 - part) / rate;
  EXPECT_GE(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(), least);
  std::chrono::nanoseconds held_back{0};
  for (const ReplyStats& stats : server.wait_finished(4)) held_back += stats.waits.pace;
  EXPECT_GT(held_back.count(), 0);
  EXPECT_GE(paced, 1U);
  EXPECT_EQ(none, 0U);
}

TEST_F(ServerBody, RepliesFromMemoryKeepTheRateAndStarveNoBody) {
  constexpr std::uint64_t rate = 4 << 20;
  constexpr std::size_t small_size = 100'000;
  const std::string content = pattern(2'000'001), small = pattern(small_size);
  file_.append(content);
  file_.set_state(Body::State::whole);
  ClientShares shares({.bandwidth_each = rate});
  ServerOptions options;
  options.shares = &shares;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        ASSERT_TRUE(exchange->begin_request(""));
        if (exchange->request().path() == "/large")
          exchange->reply(ReplyHead(200), std::make_unique<GrowingFile::View>(file_),
                          {.list = {{0, content.size()}}});
        else
          exchange->reply(ReplyHead(200), std::string_view(small));
      },
      options);
  const auto begun = std::chrono::steady_clock::now();
  std::atomic<bool> over = false;
  std::atomic<std::size_t> replies = 0;
  std::vector<std::thread> greedy;
  for (int i = 0; i < 4; ++i)
    greedy.emplace_back([&] {
      RawClient client(server.port());
      while (!over) {
        client.send(get("/small"));
        EXPECT_TRUE(client.reply().body == small);
        ++replies;
      }
    });
  RawClient client(server.port());
  client.send(get("/large"));
  EXPECT_TRUE(client.reply().body == content);
  over = true;
  for (auto& thread : greedy) thread.join();
  const double sent = static_cast<double>(content.size() + replies * small_size);
  // The last reply on each connection is paid for after its departure.
  const double early = rate / 4.0 + 5.0 * small_size;
  const double time =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  EXPECT_GE(time, (sent - early) / rate);
}

TEST_F(ServerBody, AWholeFileOfManyWindowsArrivesUnchanged) {
  const std::string content = pattern(21'000'001);
  file_.append(content);
  file_.set_state(Body::State::whole);
  std::atomic<std::uint64_t> failures{0};
  loop::StorePool pool("store", 1, metrics::Counter(&failures));
  for (loop::StorePool* readers : {static_cast<loop::StorePool*>(nullptr), &pool}) {
    ServerOptions options;
    options.readers = readers;
    serve(0, content.size(), options);
    RawClient client(server_->port());
    client.send(get("/1") + get("/2"));
    EXPECT_TRUE(client.reply().body == content);
    EXPECT_TRUE(client.reply().body == content);
    for (const ReplyStats& stats : server_->wait_finished(2)) {
      EXPECT_EQ(stats.body_bytes, content.size());
      EXPECT_TRUE(stats.complete);
    }
    EXPECT_EQ(file_.bodies(), 0) << "released before finished()";
    server_.reset();
  }
}

TEST_F(ServerBody, MeasuresTheWaitForAClientThatTakesNothing) {
  const std::string content = pattern(64 << 20);  // more than the buffers of the kernel hold
  file_.append(content);
  file_.set_state(Body::State::whole);
  serve(0, content.size());
  RawClient client(server_->port());
  client.send(get("/"));
  server_->wait_handled(1);
  for (int turn = 0; turn < 10; ++turn) server_->on_loop([] {});
  EXPECT_TRUE(client.reply().body == content);
  const auto waits = server_->wait_finished(1).front().waits;
  EXPECT_GT(waits.client.count(), 0);
  // Not of the disk: the kernel may drop pages of the file.
  EXPECT_EQ(waits.upstream.count() + waits.pace.count(), 0);
}

TEST_F(ServerBody, MeasuresTheWaitForBytesThatHaveNotArrived) {
  const std::string content = pattern(5000);
  file_.append(content);
  serve(0, 2 * content.size());
  RawClient client(server_->port());
  client.send(get("/"));
  server_->wait_handled(1);
  for (int turn = 0; turn < 10; ++turn) server_->on_loop([] {});
  server_->on_loop([&] {
    file_.append(content);
    file_.set_state(Body::State::whole);
  });
  EXPECT_TRUE(client.reply().body == content + content);
  const auto waits = server_->wait_finished(1).front().waits;
  EXPECT_GT(waits.upstream.count(), 0);
  EXPECT_EQ(waits.client.count() + waits.pace.count(), 0);
}

TEST_F(ServerBody, AReplyThatTheKernelTakesAtOnceHasWaitedForNothing) {
  const std::string content = pattern(5000);
  file_.append(content);
  file_.set_state(Body::State::whole);
  serve(0, content.size());
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_TRUE(client.reply().body == content);
  const auto waits = server_->wait_finished(1).front().waits;
  EXPECT_EQ((waits.client + waits.pace + waits.upstream).count(), 0);
}

TEST_F(ServerBody, AReplyOfOnePieceHasItsBytesOnly) {
  const std::string content = pattern(100'000);
  file_.append(content);
  file_.set_state(Body::State::whole);
  serve(777, 50'000);
  RawClient client(server_->port());
  client.send(get("/") + get("/", "", "HEAD"));
  EXPECT_TRUE(client.reply().body == content.substr(777, 50'000));
  EXPECT_THAT(client.reply(false).head, testing::HasSubstr("Content-Length: 50000\r\n"));
  EXPECT_EQ(server_->wait_finished(2)[1].body_bytes, 0U);
}

TEST_F(ServerBody, ManyPiecesWithTextBetweenArriveInOrder) {
  const std::string content = pattern(12'000'000);
  file_.append(content);
  file_.set_state(Body::State::whole);
  Pieces pieces;
  for (std::size_t i = 0; i < 300; ++i)
    pieces.list.push_back({(i * 7'654'321) % 11'000'000, i % 3 * 100 * i});
  pieces.list.push_back({1'000'000, 9'000'000});
  pieces.text = numbered;
  std::string expected;
  for (std::size_t i = 0; i < pieces.list.size(); ++i)
    expected +=
        numbered(pieces.list, i) + content.substr(pieces.list[i].offset, pieces.list[i].length);
  expected += "the end";
  std::atomic<std::uint64_t> failures{0};
  loop::StorePool pool("store", 1, metrics::Counter(&failures));
  ServerOptions options;
  options.readers = &pool;
  serve_pieces(pieces, options);
  RawClient client(server_->port());
  client.send(get("/1") + get("/2") + get("/", "", "HEAD"));
  EXPECT_TRUE(client.reply().body == expected);
  EXPECT_TRUE(client.reply().body == expected);
  EXPECT_THAT(client.reply(false).head,
              testing::HasSubstr("Content-Length: " + std::to_string(expected.size()) + "\r\n"));
  EXPECT_EQ(server_->wait_finished(3)[0].body_bytes, expected.size());
}

TEST_F(ServerBody, AReplyWaitsForEachPieceOfAGrowingFile) {
  serve_pieces({.list = {{5, 2}, {0, 2}}, .text = [](const auto&, std::size_t index) {
                  return std::string(1, "ABC"[index]);
                }});
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_EQ(client.reply(false).status, 200);
  EXPECT_EQ(client.read(1), "A") << "the text does not wait for the bytes after it";
  server_->on_loop([&] { file_.append("012345"); });
  EXPECT_EQ(client.read(1), "5");
  server_->on_loop([&] { file_.append("6"); });
  EXPECT_EQ(client.read(5), "6B01C");
  EXPECT_TRUE(server_->wait_finished(1)[0].complete);
}

TEST_F(ServerBody, AGrowingFileIsSentAsItGrows) {
  const std::string content = pattern(3'000'000);
  serve(0, content.size());
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_EQ(client.reply(false).status, 200) << "the head does not wait for the body";
  constexpr std::size_t step = 500'000;
  for (std::size_t at = 0; at < content.size(); at += step) {
    server_->on_loop([&] { file_.append(std::string_view(content).substr(at, step)); });
    EXPECT_TRUE(client.read(step) == content.substr(at, step));
  }
  EXPECT_TRUE(server_->wait_finished(1)[0].complete);
}

TEST_F(ServerBody, AReplyWaitsForAPieceBeyondTheEndOfTheFile) {
  serve(1000, 3);
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_EQ(client.reply(false).status, 200);
  server_->on_loop([&] { file_.append(std::string(1000, 'x')); });
  server_->on_loop([&] { file_.append("abcdef"); });
  EXPECT_EQ(client.read(3), "abc");
  EXPECT_EQ(server_->wait_finished(1)[0].body_bytes, 3U);
}

TEST_F(ServerBody, AFailedBodyCutsTheReplyShortWithAFin) {
  serve(0, 1'000'000);
  RawClient client(server_->port());
  client.send(get("/1") + get("/2"));
  EXPECT_EQ(client.reply(false).status, 200);
  server_->on_loop([&] { file_.append(std::string(10, 'x')); });
  EXPECT_EQ(client.read(10), std::string(10, 'x'));
  server_->on_loop([&] { file_.set_state(Body::State::failed); });
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
  const auto finished = server_->wait_finished(1);
  EXPECT_EQ(finished.size(), 1U) << "the pipelined request was handled";
  EXPECT_FALSE(finished[0].complete);
  EXPECT_EQ(finished[0].body_bytes, 10U);
}

TEST_F(ServerBody, ABodyThatIsTooShortCutsTheReplyShort) {
  file_.append("short");
  file_.set_state(Body::State::whole);
  serve(0, 100);
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_EQ(client.reply(false).status, 200);
  EXPECT_EQ(client.read_all(), "short");
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_FALSE(server_->wait_finished(1)[0].complete);
}

TEST_F(ServerBody, AFileThatEndsTooEarlyCutsTheReplyShortAtOnce) {
  file_.append(std::string(1000, 'x'));
  file_.set_state(Body::State::whole);
  file_.truncate();
  serve(0, 1000);
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_EQ(client.reply(false).status, 200);
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(client.ended_cleanly());
  EXPECT_EQ(server_->server().connections(), 1U) << "the FIN came with the end of the connection";
  const auto finished = server_->wait_finished(1);
  EXPECT_FALSE(finished[0].complete);
  EXPECT_EQ(finished[0].body_bytes, 0U);
}

TEST_F(ServerBody, AClientThatLeavesReleasesTheBody) {
  serve(0, 1'000'000);
  for (const bool politely : {true, false}) {
    auto client = std::make_unique<RawClient>(server_->port());
    client->send(get("/"));
    EXPECT_EQ(client->reply(false).status, 200);
    if (!politely) client->abort();
    client.reset();
    server_->wait_finished(politely ? 1 : 2);
    EXPECT_EQ(file_.bodies(), 0);
    server_->on_loop([&] { file_.append("x"); });  // no body waits
  }
}

TEST_F(ServerBody, PiecesOfBytesInMemoryAreNotCopied) {
  const auto content = std::make_shared<const std::string>(pattern(9'000'000));
  server_ = std::make_unique<ServerUnderTest>([&](const ExchangePtr& exchange) {
    exchange->reply(ReplyHead(200), std::make_unique<MemoryBody>(content),
                    {.list = {{8'000'000, 1'000'000}, {5, 7'000'000}}, .text = numbered});
  });
  RawClient client(server_->port());
  client.send(get("/"));
  EXPECT_TRUE(client.reply().body ==
              content->substr(8'000'000) + "<1>" + content->substr(5, 7'000'000) + "the end");
  EXPECT_TRUE(server_->wait_finished(1)[0].complete);
  EXPECT_EQ(content.use_count(), 1);
}

TEST_F(ServerBody, ManySharedTextsArriveInOrderAndAreReleased) {
  const auto content = std::make_shared<const std::string>(pattern(5'000'000));
  std::string expected;
  for (std::size_t i = 0; i < 40; ++i) expected += content->substr(i * 7, i % 4 * 120'000);
  server_ = std::make_unique<ServerUnderTest>([&](const ExchangePtr& exchange) {
    std::vector<SharedText> texts;
    for (std::size_t i = 0; i < 40; ++i)
      texts.push_back({content, std::string_view(*content).substr(i * 7, i % 4 * 120'000)});
    exchange->reply(ReplyHead(200), texts);
  });
  RawClient client(server_->port());
  client.send(get("/1") + get("/2"));
  EXPECT_TRUE(client.reply().body == expected);
  EXPECT_TRUE(client.reply().body == expected);
  server_->wait_finished(2);
  EXPECT_EQ(content.use_count(), 1);
}

std::size_t anonymous_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8));
  return 0;
}

TEST_F(ServerBody, SlowReadersOfALargeFileTakeNoMemory) {
#if defined(ENTREPOT_ASAN) || defined(ENTREPOT_TSAN)
  GTEST_SKIP() << "the sanitizer's own memory would be counted";
#endif
  constexpr std::size_t size = 256 << 20;
  constexpr std::size_t readers = 100;
  server_ = std::make_unique<ServerUnderTest>([this](const ExchangePtr& exchange) {
    exchange->reply(ReplyHead(200), std::make_unique<GrowingFile::View>(file_),
                    {.list = {{0, size}}});
  });
  server_->on_loop([&] {
    const std::string piece(1 << 20, 'b');
    for (std::size_t at = 0; at < size; at += piece.size()) file_.append(piece);
    file_.set_state(Body::State::whole);
  });
  const std::size_t before = anonymous_kib();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < readers; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port(), 64 * 1024));
    clients.back()->send(get("/"));
    EXPECT_EQ(clients.back()->reply(false).status, 200);
  }
  for (const auto& client : clients) EXPECT_EQ(client->read(1 << 16).size(), 1U << 16);
  // The buffers of the clients, 64 KiB each, are in this process, too.
  EXPECT_LT(anonymous_kib() - before, 16 * 1024 + readers * 128);
}

}  // namespace
}  // namespace entrepot::http
