// SPDX-License-Identifier: Apache-2.0
// The multi handle itself: starting over, the queue, and what becomes of connections.
#include "proxy/upstream/transfer/curl_multi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <semaphore>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using fakes::Received;
using fakes::ScriptedServer;
using Reply = ScriptedServer::Reply;

enum class Wants { body, nothing, an_end };

class FixedDemand : public cache::Demand {
 public:
  explicit FixedDemand(Level level, bool expendable = false)
      : level_(level), expendable_(expendable) {}
  void set(Level level) { level_ = level; }
  Level level() const override { return level_; }
  bool expendable() const override { return expendable_; }

 private:
  std::atomic<Level> level_;
  const bool expendable_;
};

class EndSink : public TransferSink {
 public:
  Disposition on_head(const ResponseHead& head) override {
    status = head.status;
    switch (wants) {
      case Wants::body:
        return Disposition::deliver;
      case Wants::nothing:
        return Disposition::discard;
      case Wants::an_end:
        break;
    }
    return Disposition::abort;
  }
  bool on_data(std::span<const std::byte> data) override {
    bytes += data.size();
    return true;
  }
  void on_end(const TransferEnd& result) override { end.set_value(result); }

  TransferEnd wait() {
    auto future = end.get_future();
    if (future.wait_for(test_deadline) != std::future_status::ready) return {};
    return future.get();
  }

  Wants wants = Wants::body;
  int status = 0;
  std::size_t bytes = 0;
  std::promise<TransferEnd> end;
};

/// A multi on a loop of its own, taken down on it.
class MultiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_.start();
    on_loop([this] {
      multi_ =
          std::make_unique<CurlMulti>(loop_, TransferOptions{}, TransferQueue::Bounds{.slots = 2});
    });
  }
  void TearDown() override {
    on_loop([this] {
      transfers_.clear();
      multi_.reset();
    });
    loop_.stop();
    loop_.join();
  }
  void on_loop(const std::function<void()>& job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }
  void start(const ScriptedServer& server, TransferSink& sink, bool urgent = false) {
    TransferRequest request{.url = *Url::parse(server.url() + "/x")};
    request.urgent = urgent;
    start(std::move(request), sink);
  }
  /// One of `repository` whose path says so.
  void start_of(const ScriptedServer& server, TransferSink& sink, const std::string& repository,
                const cache::Demand* demand = nullptr) {
    TransferRequest request{.url = *Url::parse(server.url() + "/" + repository)};
    request.repository = repository;
    request.demand = demand;
    start(std::move(request), sink);
  }
  void start(TransferRequest request, TransferSink& sink) {
    request.plain_http = true;
    request.private_addresses = true;
    on_loop([&] { transfers_.push_back(multi_->start(std::move(request), sink)); });
  }

  loop::Loop loop_{"test-multi"};
  std::unique_ptr<CurlMulti> multi_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

TEST_F(MultiTest, ResetEndsWhatRunsAndServesWhatComesAfter) {
  std::atomic<bool> mute = true;
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (mute) {
      reply.wait_for_peer();
    } else {
      reply.send(200, {}, "body");
    }
  });
  EndSink running;
  EndSink queued[2];
  start(server, running);
  start(server, queued[0]);
  start(server, queued[1]);
  ASSERT_TRUE(server.wait_for("/x", 2));
  mute = false;
  on_loop([this] {
    EXPECT_EQ(multi_->load().running, 2U);
    EXPECT_EQ(multi_->load().queued, 1U);
    multi_->reset("a test");
  });
  EXPECT_EQ(running.wait().kind, TransferEnd::Kind::unreachable);
  EXPECT_EQ(queued[0].wait().kind, TransferEnd::Kind::unreachable);
  EXPECT_EQ(queued[1].wait().kind, TransferEnd::Kind::complete);
  EXPECT_EQ(queued[1].bytes, 4U);
}

TEST_F(MultiTest, ABurstReusesTheConnectionsOfTheBurstBefore) {
  constexpr int burst = 20;
  std::counting_semaphore<> go{0};
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (go.try_acquire_for(test_deadline)) reply.send(200, {}, "body");
  });
  on_loop([this] {
    multi_ = std::make_unique<CurlMulti>(loop_, TransferOptions{},
                                         TransferQueue::Bounds{.slots = burst});
  });
  int requests = 0;
  const auto transfer = [&](int count) {
    std::vector<EndSink> sinks(static_cast<std::size_t>(count));
    for (EndSink& sink : sinks) start(server, sink);
    EXPECT_TRUE(server.wait_for("/x", requests += count));  // all of them run at once
    go.release(count);
    for (EndSink& sink : sinks) EXPECT_EQ(sink.wait().kind, TransferEnd::Kind::complete);
    on_loop([this] { transfers_.clear(); });
  };
  transfer(burst);
  for (int i = 0; i < burst; ++i) transfer(1);
  transfer(burst);
  EXPECT_EQ(server.connections(), burst);
}

TEST_F(MultiTest, UrgentTransfersDoNotQueue) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.connection <= 2) {
      reply.wait_for_peer();
    } else {
      reply.send(200, {}, "token");
    }
  });
  EndSink blocked[2];
  start(server, blocked[0]);
  start(server, blocked[1]);
  ASSERT_TRUE(server.wait_for("/x", 2));
  EndSink urgent;
  start(server, urgent, true);
  EXPECT_EQ(urgent.wait().kind, TransferEnd::Kind::complete);
  on_loop([this] { transfers_.clear(); });  // before the sinks go
}

/// Two slots and a server that answers when it is told to.
class QueueTest : public MultiTest {
 protected:
  /// The requests in the order in which the server gets them, while it answers one after the other.
  std::vector<std::string> order(int answers) {
    for (int i = 1; i <= answers; ++i) {
      // Both slots are taken again before the next one is answered: they come in order.
      EXPECT_TRUE(server.wait_for("/", std::min(i + 1, answers)));
      go.release();
    }
    std::vector<std::string> targets;
    for (const Received& request : server.received()) targets.push_back(request.target);
    return targets;
  }
  std::counting_semaphore<> go{0};
  ScriptedServer server{[this](const Received&, Reply& reply) {
    if (!go.try_acquire_for(test_deadline)) return;
    reply.send(200, {}, "body");
  }};
  FixedDemand background{cache::Demand::Level::background};
  EndSink sinks[8];
};

TEST_F(QueueTest, EachRepositoryHasItsTurn) {
  for (int i = 0; i < 4; ++i) start_of(server, sinks[i], "large");
  ASSERT_TRUE(server.wait_for("/large", 2));
  start_of(server, sinks[4], "small");
  const auto targets = order(5);
  ASSERT_EQ(targets.size(), 5U);
  EXPECT_EQ(targets[2], "/small") << "behind the two that were under way, and before the others";
}

TEST_F(QueueTest, AnUnawaitedTransferIsLast) {
  start_of(server, sinks[0], "a");
  start_of(server, sinks[1], "a");
  ASSERT_TRUE(server.wait_for("/a", 2));
  start_of(server, sinks[2], "background", &background);
  for (int i = 3; i < 5; ++i) start_of(server, sinks[i], "a");
  const auto targets = order(5);
  ASSERT_EQ(targets.size(), 5U);
  EXPECT_EQ(targets[4], "/background");
}

TEST_F(QueueTest, UnawaitedTransfersLeaveASlotFree) {
  for (int i = 0; i < 3; ++i) start_of(server, sinks[i], "background", &background);
  ASSERT_TRUE(server.wait_for("/background", 1));
  on_loop([this] {
    EXPECT_EQ(multi_->load().running, 1U) << "of two slots";
    EXPECT_EQ(multi_->load().queued, 2U);
  });
  start_of(server, sinks[3], "a");
  EXPECT_TRUE(server.wait_for("/a", 1));
  go.release(4);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sinks[i].wait().kind, TransferEnd::Kind::complete);
}

TEST_F(QueueTest, AQueuedTransferCanBeHeldTimedAndDropped) {
  start_of(server, sinks[0], "a");
  start_of(server, sinks[1], "a");
  ASSERT_TRUE(server.wait_for("/a", 2));
  start_of(server, sinks[2], "held");
  start_of(server, sinks[3], "dropped");
  on_loop([this] {
    EXPECT_FALSE(transfers_[2]->timing().running);
    transfers_[2]->hold(true);
    transfers_[3].reset();
    EXPECT_EQ(multi_->load().queued, 1U);
  });
  go.release(3);
  ASSERT_TRUE(server.wait_for("/held", 1));
  EXPECT_EQ(sinks[1].wait().kind, TransferEnd::Kind::complete);
  on_loop([this] {
    EXPECT_EQ(sinks[2].bytes, 0U);
    transfers_[2]->hold(false);
  });
  EXPECT_EQ(sinks[2].wait().kind, TransferEnd::Kind::complete);
  EXPECT_EQ(sinks[2].bytes, 4U);
  EXPECT_EQ(server.received().size(), 3U);
}

TEST_F(QueueTest, AnAbandonedTransferIsNotSent) {
  FixedDemand gone(cache::Demand::Level::awaited);
  start_of(server, sinks[0], "a");
  start_of(server, sinks[1], "a");
  ASSERT_TRUE(server.wait_for("/a", 2));
  start_of(server, sinks[2], "gone", &gone);
  gone.set(cache::Demand::Level::nobody);
  EXPECT_EQ(sinks[2].wait().kind, TransferEnd::Kind::unwanted);
  on_loop([this] { EXPECT_EQ(multi_->dropped().left, 1U); });
  go.release(2);
  EXPECT_EQ(sinks[0].wait().kind, TransferEnd::Kind::complete);
  EXPECT_EQ(sinks[1].wait().kind, TransferEnd::Kind::complete);
  EXPECT_EQ(server.received().size(), 2U);
}

TEST_F(QueueTest, RefusesTheLastTransferAboveTheBound) {
  on_loop([this] {
    multi_ = std::make_unique<CurlMulti>(loop_, TransferOptions{},
                                         TransferQueue::Bounds{.slots = 2, .waiting = 1});
  });
  for (int i = 0; i < 4; ++i) start_of(server, sinks[i], "a");
  EXPECT_EQ(sinks[3].wait().kind, TransferEnd::Kind::overloaded);
  on_loop([this] { EXPECT_EQ(multi_->dropped().full, 1U); });
  go.release(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sinks[i].wait().kind, TransferEnd::Kind::complete);
}

TEST_F(QueueTest, AnUnawaitedTransferEndsForAnAwaitedOne) {
  FixedDemand left(cache::Demand::Level::background, /*expendable=*/true);
  start_of(server, sinks[0], "a");
  start_of(server, sinks[1], "left", &left);
  ASSERT_TRUE(server.wait_for("/", 2));
  start_of(server, sinks[2], "waits");
  EXPECT_EQ(sinks[1].wait().kind, TransferEnd::Kind::unwanted);
  EXPECT_TRUE(server.wait_for("/waits", 1));
  on_loop([this] { EXPECT_EQ(multi_->dropped().yielded, 1U); });
  go.release(3);
  EXPECT_EQ(sinks[2].wait().kind, TransferEnd::Kind::complete);
}

TEST_F(MultiTest, ShortDiscardedBodiesKeepTheConnectionLongOnesCutIt) {
  std::atomic<std::size_t> size = 1000;
  ScriptedServer server(
      [&](const Received&, Reply& reply) { reply.send(404, {}, std::string(size, 'x')); });
  for (int i = 0; i < 2; ++i) {
    EndSink sink;
    sink.wants = Wants::nothing;
    start(server, sink);
    EXPECT_EQ(sink.wait().kind, TransferEnd::Kind::complete);
    EXPECT_EQ(sink.bytes, 0U);
  }
  EXPECT_EQ(server.connections(), 1);
  size = 10'000'000;
  for (int i = 0; i < 2; ++i) {
    EndSink sink;
    sink.wants = Wants::nothing;
    start(server, sink);
    EXPECT_EQ(sink.wait().kind, TransferEnd::Kind::complete);
  }
  EXPECT_EQ(server.connections(), 2);
}

// A 101 ends the head for libcurl, which takes what follows for the body.
TEST_F(MultiTest, BytesWithoutAFinalHeadAreMalformed) {
  for (const std::string_view answer :
       {"HTTP/1.1 101 Switching Protocols\r\n\r\nbytes",
        "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\nbytes"}) {
    ScriptedServer server([answer](const Received&, Reply& reply) {
      reply.raw(answer);
      reply.wait_for_peer();
    });
    EndSink sink;
    start(server, sink);
    const TransferEnd end = sink.wait();
    EXPECT_EQ(end.kind, TransferEnd::Kind::malformed) << answer;
    EXPECT_EQ(to_string(end.reason), "bad-upstream") << answer;
    EXPECT_EQ(sink.status, 0) << answer;
    EXPECT_EQ(sink.bytes, 0U) << answer;
  }
}

TEST_F(MultiTest, AbortIsTheSinksOwnEnd) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(200, {}, "body"); });
  EndSink sink;
  sink.wants = Wants::an_end;
  start(server, sink);
  EXPECT_EQ(sink.wait().kind, TransferEnd::Kind::refused);
}

}  // namespace
}  // namespace entrepot::upstream
