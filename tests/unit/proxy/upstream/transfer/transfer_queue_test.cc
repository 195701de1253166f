// SPDX-License-Identifier: Apache-2.0
// Whose transfer begins next, who leaves, and who ends for others. No loop and no network.
#include "proxy/upstream/transfer/transfer_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using cache::Client;
using Level = cache::Demand::Level;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Client flooder{1};
constexpr Client other{2};

class HandDemand : public cache::Demand {
 public:
  Level level() const override { return now; }
  bool expendable() const override { return much_left; }
  Level now = Level::awaited;
  bool much_left = true;
};

class NoSink : public TransferSink {
 public:
  Disposition on_head(const ResponseHead&) override { return Disposition::abort; }
  void on_end(const TransferEnd&) override {}
};

class NoTransfer : public Transfer {
 public:
  void hold(bool) override {}
  void wanted_by(Client) override {}
  TransferTiming timing() const override { return {}; }
};

class TransferQueueTest : public ::testing::Test {
 protected:
  TransferQueue::Ticket add(Client client, const std::string& repository,
                            const cache::Demand* demand = nullptr, bool urgent = false) {
    TransferRequest request{.url = *Url::parse("http://a/")};
    request.clients = {client};
    request.repository = repository;
    request.demand = demand;
    request.urgent = urgent;
    return queue.add(std::make_unique<TransferQueue::Waiting>(std::move(request), sink, transfer));
  }
  /// The ticket of the one that begins; 0 where none does.
  TransferQueue::Ticket begin() {
    const auto waiting = queue.next();
    if (!waiting) return 0;
    running.push_back(std::make_unique<TransferRequest>(waiting->request));
    queue.began(*running.back(), *waiting);
    return waiting->ticket;
  }
  void end(std::size_t index) { queue.ended(*running[index]); }

  NoSink sink;
  NoTransfer transfer;
  std::deque<std::unique_ptr<TransferRequest>> running;  // in the order they began
  TransferQueue queue{{.slots = 4, .waiting = 20}};
  TransferQueue::Time now{};
};

TEST(TransferQueueShares, OneClientLeavesSlotsToOthers) {
  NoSink sink;
  NoTransfer transfer;
  TransferQueue queue{{.slots = 50, .waiting = 200}};
  std::deque<TransferRequest> running;
  const auto begun_of = [&](Client client, int count) {
    for (int i = 0; i < count; ++i) {
      TransferRequest request{.url = *Url::parse("http://a/")};
      request.clients = {client};
      queue.add(std::make_unique<TransferQueue::Waiting>(std::move(request), sink, transfer));
    }
    int begun = 0;
    while (const auto waiting = queue.next()) {
      queue.began(running.emplace_back(waiting->request), *waiting);
      ++begun;
    }
    return begun;
  };
  EXPECT_EQ(begun_of(flooder, 60), 45);
  HandDemand background;
  background.now = Level::background;
  TransferRequest unawaited{.url = *Url::parse("http://a/"), .demand = &background};
  queue.add(std::make_unique<TransferQueue::Waiting>(std::move(unawaited), sink, transfer));
  EXPECT_EQ(queue.next(), nullptr) << "nor are they for what no client waits for";
  EXPECT_EQ(begun_of(other, 3), 3) << "at once, while those of the flooder wait";
  EXPECT_EQ(begun_of(Client{3}, 3), 2);
  queue.ended(running.front());
  EXPECT_NE(queue.next(), nullptr);
}

TEST_F(TransferQueueTest, AFloodOfOneClientDoesNotKeepAnotherWaiting) {
  for (int i = 0; i < 10; ++i) add(flooder, "repository-" + std::to_string(i));
  for (int i = 0; i < 4; ++i) ASSERT_NE(begin(), 0U);
  const auto theirs = add(other, "repository-3");
  ASSERT_EQ(begin(), 0U);
  end(0);
  EXPECT_EQ(begin(), theirs);
}

TEST_F(TransferQueueTest, EachRepositoryOfAClientHasItsTurn) {
  for (int i = 0; i < 6; ++i) add(other, "large");
  for (int i = 0; i < 4; ++i) begin();
  const auto small = add(other, "small");
  end(0);
  EXPECT_EQ(begin(), small);
  end(1);
  EXPECT_EQ(begin(), 5U) << "the first that came";
}

TEST_F(TransferQueueTest, AClientThatJoinsBringsItsTurn) {
  for (int i = 0; i < 10; ++i) add(flooder, "a");
  for (int i = 0; i < 4; ++i) begin();
  queue.wanted_by(9, other);
  end(0);
  EXPECT_EQ(begin(), 9U);
  queue.wanted_by(8, flooder);
  end(1);
  EXPECT_EQ(begin(), 5U) << "one more of the same changes nothing";
}

TEST_F(TransferQueueTest, AnAbandonedTransferLeavesAtItsTurn) {
  HandDemand demand;
  const auto first = add(other, "a", &demand);
  const auto second = add(other, "a");
  demand.now = Level::nobody;
  EXPECT_EQ(begin(), second);
  const auto leaving = queue.take_leaving();
  ASSERT_TRUE(leaving);
  EXPECT_EQ(leaving->waiting->ticket, first);
  EXPECT_EQ(leaving->why, TransferEnd::Kind::unwanted);
  EXPECT_FALSE(queue.take_leaving());
}

TEST_F(TransferQueueTest, AClientThatComesBeforeTheReportKeepsTheTransfer) {
  HandDemand demand;
  const auto ticket = add(other, "a", &demand);
  demand.now = Level::nobody;
  EXPECT_EQ(begin(), 0U);
  demand.now = Level::awaited;
  EXPECT_FALSE(queue.take_leaving());
  EXPECT_EQ(begin(), ticket);
}

TEST_F(TransferQueueTest, SweepingFindsThoseInTheMiddle) {
  HandDemand gone;
  for (int i = 0; i < 4; ++i) add(other, "a");
  for (int i = 0; i < 4; ++i) begin();
  for (int i = 0; i < 5; ++i) add(flooder, "b", &gone);
  const auto wanted = add(other, "b");
  gone.now = Level::nobody;
  queue.sweep();
  int left = 0;
  while (queue.take_leaving()) ++left;
  EXPECT_EQ(left, 5);
  EXPECT_EQ(queue.size(), 1U);
  end(0);
  EXPECT_EQ(begin(), wanted);
}

TEST_F(TransferQueueTest, DropsOneOfTheLargestClientAboveTheBound) {
  for (int i = 0; i < 20; ++i) add(flooder, std::to_string(i));
  const auto theirs = add(other, "a");
  auto leaving = queue.take_leaving();
  ASSERT_TRUE(leaving);
  EXPECT_EQ(leaving->waiting->ticket, 20U) << "the flood's last";
  EXPECT_EQ(leaving->why, TransferEnd::Kind::overloaded);
  EXPECT_EQ(begin(), 1U);
  EXPECT_EQ(begin(), theirs);
  add(flooder, "b");
  add(flooder, "c");
  const auto refused = add(flooder, "d");
  leaving = queue.take_leaving();
  ASSERT_TRUE(leaving);
  EXPECT_EQ(leaving->waiting->ticket, refused);
}

TEST_F(TransferQueueTest, TokensHaveSlotsOfTheirOwnAndWaitThereToo) {
  for (int i = 0; i < 6; ++i) add(flooder, "a");
  for (int i = 0; i < 4; ++i) begin();
  for (int i = 0; i < 3; ++i) add(flooder, "", nullptr, /*urgent=*/true);
  EXPECT_EQ(begin(), 7U);
  EXPECT_EQ(begin(), 8U);
  EXPECT_EQ(begin(), 0U) << "half as many as the others";
  end(4);
  EXPECT_EQ(begin(), 9U);
}

TEST_F(TransferQueueTest, UnawaitedTransfersEndForAwaitedOnes) {
  HandDemand demands[4];
  for (auto& demand : demands) add(flooder, "a", &demand);
  for (int i = 0; i < 4; ++i) begin();
  add(other, "b");
  EXPECT_TRUE(queue.to_end(now).empty()) << "all are awaited";
  demands[1].now = Level::background;
  EXPECT_TRUE(queue.to_end(now).empty()) << "its client may be back in a moment";
  now += milliseconds(300);
  ASSERT_EQ(queue.to_end(now), std::vector<const TransferRequest*>{running[1].get()});
  demands[1].now = Level::awaited;
  EXPECT_TRUE(queue.to_end(now).empty());
}

TEST_F(TransferQueueTest, ATransferThatIsNearlyCompleteRunsForAWhile) {
  HandDemand demands[4];
  for (auto& demand : demands) add(flooder, "a", &demand);
  for (int i = 0; i < 4; ++i) begin();
  add(other, "b");
  demands[0].now = Level::background;
  demands[0].much_left = false;
  queue.to_end(now);
  EXPECT_TRUE(queue.to_end(now + seconds(9)).empty());
  EXPECT_EQ(queue.to_end(now + seconds(10)).size(), 1U);
}

TEST_F(TransferQueueTest, UnawaitedTransfersKeepToHalfAndEndBesideOthers) {
  HandDemand demands[4];
  for (auto& demand : demands) add(flooder, "a", &demand);
  for (int i = 0; i < 4; ++i) begin();
  for (auto& demand : demands) demand.now = Level::background;
  queue.to_end(now);
  now += milliseconds(300);
  const auto ending = queue.to_end(now);
  ASSERT_EQ(ending.size(), 2U) << "of four slots";
  for (const TransferRequest* request : ending) queue.ended(*request);
  EXPECT_TRUE(queue.to_end(now + seconds(60)).empty()) << "nobody else is there";
  add(other, "b");
  ASSERT_NE(begin(), 0U);
  EXPECT_EQ(queue.to_end(now + seconds(60)).size(), 2U);
}

TEST_F(TransferQueueTest, HoldsManyWithoutLookingAtEach) {
  TransferQueue large{{.slots = 4, .waiting = 20'000}};
  std::vector<TransferQueue::Ticket> tickets;
  for (int i = 0; i < 20'000; ++i) {
    TransferRequest request{.url = *Url::parse("http://a/")};
    request.clients = {Client{static_cast<std::uint64_t>(i % 7 + 1)}};
    request.repository = "repository-" + std::to_string(i);
    tickets.push_back(
        large.add(std::make_unique<TransferQueue::Waiting>(std::move(request), sink, transfer)));
  }
  std::size_t begun = 0;
  while (const auto waiting = large.next()) {
    const TransferRequest request = waiting->request;
    large.began(request, *waiting);
    large.ended(request);
    ++begun;
  }
  EXPECT_EQ(begun, tickets.size());
  EXPECT_TRUE(large.empty());
}

}  // namespace
}  // namespace entrepot::upstream
