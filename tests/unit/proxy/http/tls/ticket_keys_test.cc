// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace entrepot::http::tls {
namespace {

using std::chrono::hours;

struct TicketKeysTest : testing::Test {
  TicketKeys::Clock::time_point now{hours(1000)};
  TicketKeys keys{[this] { return now; }};
};

TEST_F(TicketKeysTest, KeepsAKeyForAPeriodAndAcceptsItForAnother) {
  const TicketKey first = keys.newest();
  now += TicketKeys::period - std::chrono::seconds(1);
  EXPECT_EQ(keys.newest().name, first.name);
  now += std::chrono::seconds(1);
  const TicketKey second = keys.newest();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_NE(second.mac, first.mac);
  const auto found = keys.find(first.name.data());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key.cipher, first.cipher);
  EXPECT_TRUE(found->old);
  EXPECT_FALSE(keys.find(second.name.data())->old);
  now += TicketKeys::period;
  EXPECT_FALSE(keys.find(first.name.data()));
  EXPECT_TRUE(keys.find(second.name.data())->old);
}

TEST_F(TicketKeysTest, ForgetsAKeyThatIsTwoPeriodsOld) {
  const TicketKey first = keys.newest();
  now += 2 * TicketKeys::period;
  EXPECT_FALSE(keys.find(first.name.data()));
}

TEST_F(TicketKeysTest, DoesNotKnowOtherKeys) {
  TicketKeys others([this] { return now; });
  EXPECT_FALSE(keys.find(others.newest().name.data()));
}

TEST(TicketKeys, AreSharedByThreads) {
  std::atomic<std::int64_t> hour{1000};
  TicketKeys keys([&] { return TicketKeys::Clock::time_point(hours(hour)); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int turn = 0; turn < 500; ++turn) {
        ++hour;
        const TicketKey key = keys.newest();
        const auto found = keys.find(key.name.data());
        EXPECT_TRUE(!found || found->key.mac == key.mac);
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace entrepot::http::tls
