// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/negative_table.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::cache {
namespace {

constexpr Client greedy{1}, modest{2};

class NegativeTableTest : public testing::Test {
 protected:
  void put(const std::string& key, Client client) {
    table.put(key, client, {FailureKind::not_found, ""}, later);
  }

  NegativeTable table;
  const SteadyTime now{std::chrono::hours(1)};
  const SteadyTime later = now + std::chrono::seconds(10);
};

TEST_F(NegativeTableTest, ForgetsInTime) {
  put("a", modest);
  EXPECT_TRUE(table.find("a", now));
  EXPECT_FALSE(table.find("a", later));
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(NegativeTableTest, AClientThatAsksForManyNamesDisplacesItsOwn) {
  for (int i = 0; i < 10; ++i) put("modest " + std::to_string(i), modest);
  for (std::size_t i = 0; i < 2 * NegativeTable::max_entries; ++i) put(std::to_string(i), greedy);
  EXPECT_EQ(table.size(), NegativeTable::max_entries);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.find("modest " + std::to_string(i), now)) << i;
  EXPECT_FALSE(table.find("0", now)) << "its oldest";
  EXPECT_TRUE(table.find(std::to_string(2 * NegativeTable::max_entries - 1), now));
}

TEST_F(NegativeTableTest, ManyClientsShareTheTable) {
  for (std::uint64_t i = 0; i < 3 * NegativeTable::max_entries; ++i)
    put(std::to_string(i), Client{i % 100});
  EXPECT_EQ(table.size(), NegativeTable::max_entries);
  put("late", modest);
  EXPECT_TRUE(table.find("late", now));
}

TEST_F(NegativeTableTest, ANameBelongsToTheClientThatAskedLast) {
  put("a", modest);
  put("a", greedy);
  EXPECT_EQ(table.size(), 1U);
  for (std::size_t i = 0; i < NegativeTable::max_entries; ++i) put(std::to_string(i), greedy);
  EXPECT_FALSE(table.find("a", now)) << "the oldest of its client";
}

}  // namespace
}  // namespace entrepot::cache
