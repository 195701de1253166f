// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/timed_set.h"

#include <gtest/gtest.h>

#include <random>

namespace entrepot::access {
namespace {

using namespace std::chrono_literals;

constexpr TimedSet::Clock::time_point first_insert{1000h};

TEST(TimedSet, ContainsAKeyForItsLifetime) {
  TimedSet set(1024, 10s);
  const TimedSet::Key key = {1, 2};
  EXPECT_FALSE(set.contains(key, first_insert));
  set.insert(key, first_insert);
  EXPECT_TRUE(set.contains(key, first_insert));
  EXPECT_TRUE(set.contains(key, first_insert + 9'999ms));
  EXPECT_FALSE(set.contains(key, first_insert + 10s));
  EXPECT_FALSE(set.contains({1, 3}, first_insert));
  EXPECT_FALSE(set.contains({2, 2}, first_insert));
  set.insert(key, first_insert + 20s);
  EXPECT_TRUE(set.contains(key, first_insert + 29s));
}

TEST(TimedSet, ANewKeyIsEmptyAtFirst) {
  const TimedSet set(1024, 10s);
  EXPECT_FALSE(set.contains({0, 0}, first_insert));
}

TEST(TimedSet, ReplacesTheShortestRemainingTimeOfABucket) {
  TimedSet set(1, 10s);  // one bucket of four for each lock
  const auto key = [](std::uint64_t i) { return TimedSet::Key{0, i}; };
  for (std::uint64_t i = 0; i < 4; ++i)
    set.insert(key(i), first_insert + std::chrono::milliseconds(i));
  set.insert(key(0), first_insert + 1s);  // again: the latest now
  set.insert(key(4), first_insert + 2s);
  EXPECT_TRUE(set.contains(key(0), first_insert + 2s));
  EXPECT_FALSE(set.contains(key(1), first_insert + 2s));
  for (std::uint64_t i = 2; i <= 4; ++i) EXPECT_TRUE(set.contains(key(i), first_insert + 2s)) << i;
}

TEST(TimedSet, AKeyThatComesAgainTakesOnePlace) {
  TimedSet set(1, 10s);
  for (std::uint64_t i = 0; i < 3; ++i) set.insert({0, i}, first_insert);
  for (int i = 0; i < 10; ++i) set.insert({0, 7}, first_insert + 1s);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(set.contains({0, i}, first_insert + 1s));
}

TEST(TimedSet, HoldsMostOfItsCapacity) {
  TimedSet set(1024, 10s);
  std::mt19937_64 random(1);
  std::vector<TimedSet::Key> keys(512);
  for (auto& key : keys) key = {random(), random()};
  for (const auto& key : keys) set.insert(key, first_insert);
  std::size_t held = 0;
  for (const auto& key : keys) held += set.contains(key, first_insert) ? 1 : 0;
  EXPECT_GT(held, 450U);
}

}  // namespace
}  // namespace entrepot::access
