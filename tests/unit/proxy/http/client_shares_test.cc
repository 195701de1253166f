// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/client_shares.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace entrepot::http {
namespace {

using Hold = ClientShares::Hold;

ClientAddress address(std::uint32_t n) { return ClientAddress::of_user(n); }

TEST(ClientSharesTest, TheRequestsOfOneClientAreBounded) {
  ClientShares shares({.requests_each = 2});
  Hold first(&shares), second(&shares), third(&shares), other(&shares);
  EXPECT_TRUE(first.begin_request(address(1), ""));
  EXPECT_TRUE(second.begin_request(address(1), ""));
  EXPECT_FALSE(third.begin_request(address(1), ""));
  EXPECT_FALSE(third.counts());
  EXPECT_TRUE(other.begin_request(address(2), ""));
  first.end_request();
  EXPECT_TRUE(third.begin_request(address(1), ""));
  EXPECT_FALSE(first.begin_request(address(1), ""));
}

TEST(ClientSharesTest, OtherLimitsCountForTheNextRequest) {
  ClientShares shares({.requests_each = 2, .misses_each = 2});
  Hold first(&shares), second(&shares);
  EXPECT_TRUE(first.begin_request(address(1), ""));
  EXPECT_EQ(first.pace(), nullptr);
  shares.set_limits({.requests_each = 1, .misses_each = 1, .bandwidth_each = 1 << 20});
  ASSERT_NE(first.pace(), nullptr) << "a known client has the rate, too";
  EXPECT_EQ(first.pace()->rate(), 1U << 20);
  EXPECT_FALSE(second.begin_request(address(1), ""));
  EXPECT_TRUE(second.begin_request(address(2), ""));
  EXPECT_EQ(second.pace()->rate(), 1U << 20);
  shares.set_limits({.requests_each = 3, .misses_each = 0, .bandwidth_each = 0});
  EXPECT_EQ(first.pace(), nullptr);
  Hold third(&shares);
  EXPECT_TRUE(third.begin_request(address(1), ""));
  EXPECT_FALSE(third.begin_miss());
}

TEST(ClientSharesTest, AnEndedConnectionReturnsItsRequest) {
  ClientShares shares({.requests_each = 1, .misses_each = 1});
  {
    Hold gone(&shares);
    EXPECT_TRUE(gone.begin_request(address(1), ""));
    EXPECT_TRUE(gone.begin_miss());
  }
  EXPECT_EQ(shares.size(), 0U);
  Hold next(&shares);
  EXPECT_TRUE(next.begin_request(address(1), ""));
  EXPECT_TRUE(next.begin_miss());
}

TEST(ClientSharesTest, ANameIsOneClientWhateverItsAddress) {
  ClientShares shares({.requests_each = 2});
  Hold first(&shares), second(&shares), third(&shares), nameless(&shares);
  EXPECT_TRUE(first.begin_request(address(1), "ci"));
  EXPECT_TRUE(second.begin_request(address(2), "ci"));
  EXPECT_EQ(first.client(), second.client());
  EXPECT_FALSE(third.begin_request(address(3), "ci"));
  EXPECT_TRUE(third.begin_request(address(1), "qa")) << "another name at the same address";
  EXPECT_NE(third.client(), first.client());
  EXPECT_TRUE(nameless.begin_request(address(1), ""));
  EXPECT_EQ(nameless.client(), address(1));
  EXPECT_EQ(shares.size(), 3U);
}

TEST(ClientSharesTest, ANameIsTheSameClientOnALaterConnection) {
  ClientShares shares({});
  ClientAddress before;
  {
    Hold gone(&shares);
    EXPECT_TRUE(gone.begin_request(address(1), "ci"));
    before = gone.client();
  }
  EXPECT_EQ(shares.size(), 0U);
  Hold other(&shares), again(&shares);
  EXPECT_TRUE(other.begin_request(address(1), "qa"));
  EXPECT_TRUE(again.begin_request(address(2), "ci"));
  EXPECT_EQ(again.client(), before);
  EXPECT_NE(other.client(), before);
}

TEST(ClientSharesTest, AConnectionMayChangeItsClient) {
  ClientShares shares({.requests_each = 1});
  Hold one(&shares), other(&shares);
  EXPECT_TRUE(one.begin_request(address(1), "ci"));
  one.end_request();
  EXPECT_TRUE(one.begin_request(address(1), "qa"));
  EXPECT_EQ(shares.size(), 1U) << "ci has left";
  EXPECT_TRUE(other.begin_request(address(1), "ci"));
  EXPECT_FALSE(Hold(&shares).begin_request(address(1), "qa"));
}

TEST(ClientSharesTest, TheMissesOfOneClientAreBounded) {
  ClientShares shares({.misses_each = 2});
  std::deque<Hold> mine;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(mine.emplace_back(&shares).begin_request(address(1), ""));
  EXPECT_TRUE(mine[0].begin_miss());
  EXPECT_TRUE(mine[0].begin_miss()) << "the same request counts once";
  EXPECT_TRUE(mine[1].begin_miss());
  EXPECT_FALSE(mine[2].begin_miss());
  mine[0].end_request();
  EXPECT_TRUE(mine[2].begin_miss());
}

TEST(ClientSharesTest, AClientKeepsItsDebtOverItsConnections) {
  ClientShares shares({.bandwidth_each = 1 << 20});
  const auto now = Pace::Clock::now();
  {
    Hold first(&shares);
    EXPECT_TRUE(first.begin_request(address(1), ""));
    ASSERT_NE(first.pace(), nullptr);
    first.pace()->reserve(10 << 20, now);
  }
  EXPECT_EQ(shares.size(), 1U);
  Hold second(&shares), other(&shares);
  EXPECT_TRUE(second.begin_request(address(1), ""));
  EXPECT_GT(second.pace()->reserve(1, now), now);
  EXPECT_TRUE(other.begin_request(address(2), ""));
  EXPECT_LE(other.pace()->reserve(1, now), now);
}

TEST(ClientSharesTest, ForgetsClientsThatHavePaid) {
  ClientShares shares({.bandwidth_each = std::uint64_t{1} << 40});
  for (std::uint32_t n = 0; n < 100'000; ++n) {
    Hold one(&shares);
    ASSERT_TRUE(one.begin_request(address(n), ""));
    one.pace()->reserve(std::uint64_t{1} << 39, Pace::Clock::now() - std::chrono::seconds(10));
  }
  EXPECT_LT(shares.size(), 5000U);
}

TEST(ClientSharesTest, WithoutSharesNothingIsCounted) {
  Hold one(nullptr);
  EXPECT_TRUE(one.begin_request(address(1), ""));
  EXPECT_TRUE(one.begin_miss());
  EXPECT_FALSE(one.counts());
  EXPECT_EQ(one.pace(), nullptr);
}

TEST(ClientSharesTest, ManyThreadsLeaveNothingBehind) {
  ClientShares shares({.requests_each = 3, .misses_each = 2});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&shares] {
      Hold hold(&shares);
      for (std::uint32_t n = 0; n < 20'000; ++n) {
        const std::string name = n % 3 == 0 ? "" : "user " + std::to_string(n % 7);
        if (hold.begin_request(address(n % 5), name)) static_cast<void>(hold.begin_miss());
        hold.end_request();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shares.size(), 0U);
}

}  // namespace
}  // namespace entrepot::http
