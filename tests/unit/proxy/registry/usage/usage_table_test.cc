// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/usage/usage_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace entrepot::registry {
namespace {

using namespace std::chrono_literals;
using Time = UsageTable::Time;

UsageCounts bytes(std::uint64_t count) {
  return {.requests = 1, .manifests = 1, .bytes = count, .stored = count / 2};
}

TEST(HourRing, CountsTheLastHours) {
  HourRing ring;
  EXPECT_EQ(ring.sum(5, 24), UsageCounts());
  ring.add(5, bytes(10));
  ring.add(5, bytes(10));
  ring.add(7, bytes(100));
  EXPECT_EQ(ring.sum(7, 1).bytes, 100U);
  EXPECT_EQ(ring.sum(7, 2).bytes, 100U);
  EXPECT_EQ(ring.sum(7, 3), (UsageCounts{3, 3, 120, 60}));
  EXPECT_EQ(ring.sum(8, 1).bytes, 0U);
  EXPECT_EQ(ring.sum(28, 24).bytes, 120U);
  EXPECT_EQ(ring.sum(29, 24).bytes, 100U) << "hour 5 is more than a day ago";
  EXPECT_EQ(ring.sum(500, 24).bytes, 0U);
}

TEST(HourRing, AnHourIsUsedAgainADayLater) {
  HourRing ring;
  ring.add(5, bytes(10));
  ring.add(29, bytes(1));
  EXPECT_EQ(ring.sum(29, 24).bytes, 1U);
  ring.add(5, bytes(10));
  EXPECT_EQ(ring.sum(29, 24).bytes, 1U) << "too late";
  ring.add(6, bytes(2));
  EXPECT_EQ(ring.sum(29, 24).bytes, 3U);
  ring.add(100, bytes(4));
  EXPECT_EQ(ring.sum(100, 24).bytes, 4U);
}

TEST(HourRing, AddsAnother) {
  HourRing ring, earlier, later;
  ring.add(HourRing());
  EXPECT_EQ(ring.sum(0, 24), UsageCounts());
  ring.add(30, bytes(1));
  earlier.add(5, bytes(10));
  earlier.add(10, bytes(100));
  ring.add(earlier);
  EXPECT_EQ(ring.sum(30, 24).bytes, 101U);
  later.add(31, bytes(1000));
  ring.add(later);
  EXPECT_EQ(ring.sum(31, 24).bytes, 1101U);
  EXPECT_EQ(ring.sum(31, 1).bytes, 1000U);
}

class UsageTableTest : public testing::Test {
 protected:
  void add(const std::string& name, std::uint64_t count, Time now) {
    table_.add(
        {1, name}, [&] { return name; }, bytes(count), now);
  }
  std::uint64_t bytes_of(const std::string& name, std::int64_t hours, Time now) const {
    const auto page = table_.page(hours, now);
    const auto found = std::ranges::find(page.rows, name, &UsageTable::Row::name);
    return found == page.rows.end() ? 0 : found->counts.bytes;
  }

  const Time start_{100h};
  UsageTable table_;
};

TEST_F(UsageTableTest, CountsByName) {
  add("a", 10, start_);
  add("b", 20, start_ + 1s);
  add("a", 30, start_ + 2h);
  EXPECT_EQ(bytes_of("a", 24, start_ + 2h), 40U);
  EXPECT_EQ(bytes_of("a", 1, start_ + 2h), 30U);
  EXPECT_EQ(bytes_of("b", 1, start_ + 2h), 0U);
  const auto page = table_.page(1, start_ + 2h);
  ASSERT_EQ(page.rows.size(), 1U) << "without requests there is no row";
  EXPECT_EQ(page.rows[0].last, start_ + 2h);
  EXPECT_EQ(page.others, UsageCounts());
}

TEST_F(UsageTableTest, AScopeIsPartOfTheKey) {
  add("a", 10, start_);
  table_.add(
      {2, "a"}, [] { return "b"; }, bytes(20), start_);
  table_.add(
      {2}, [] { return "c"; }, bytes(40), start_);
  table_.add(
      {3}, [] { return "d"; }, bytes(80), start_);
  table_.add(
      {2, "a"}, [] { return "not asked"; }, bytes(20), start_);
  EXPECT_EQ(table_.size(), 4U);
  EXPECT_EQ(bytes_of("a", 24, start_), 10U);
  EXPECT_EQ(bytes_of("b", 24, start_), 40U);
  EXPECT_EQ(bytes_of("c", 24, start_), 40U);
  EXPECT_EQ(bytes_of("d", 24, start_), 80U);
}

TEST_F(UsageTableTest, EachByteOfANameCounts) {
  for (std::size_t size = 0; size < 40; ++size)
    for (std::size_t at = 0; at <= size; ++at) {
      std::string name(size, 'x');
      if (at < size) name[at] = 'y';
      add(name, 1, start_);
    }
  EXPECT_EQ(table_.size(), 40U + 39U * 40 / 2);
  for (const auto& row : table_.page(24, start_).rows) EXPECT_EQ(row.counts.requests, 1U);
}

TEST_F(UsageTableTest, HasABoundAndForgetsTheLeast) {
  add("many bytes", 1'000'000'000, start_);
  for (int i = 0; i < 1000; ++i) add("many requests", 0, start_);
  constexpr std::size_t names = 5000;
  for (std::size_t i = 0; i < names; ++i) add("n" + std::to_string(i), 1, start_ + 1h);
  EXPECT_LE(table_.size(), UsageTable::most);
  const auto page = table_.page(24, start_ + 1h);
  UsageCounts all = page.others;
  for (const auto& row : page.rows) all += row.counts;
  EXPECT_EQ(all.requests, 1 + 1000 + names) << "nothing is lost from the sums";
  EXPECT_EQ(all.bytes, 1'000'000'000 + names);
  EXPECT_EQ(bytes_of("many bytes", 24, start_ + 1h), 1'000'000'000U);
  EXPECT_TRUE(std::ranges::any_of(page.rows, [](const auto& row) {
    return row.name == "many requests" && row.counts.requests == 1000;
  }));
}

TEST_F(UsageTableTest, NamesOfTheDayBeforeGoFirst) {
  add("yesterday", 1'000'000'000, start_);
  const auto now = start_ + 25h;
  for (std::size_t i = 0; i < 2000; ++i) add("n" + std::to_string(i), 1000, now);
  add("yesterday", 1, now);
  EXPECT_EQ(bytes_of("yesterday", 24, now), 1U);
}

TEST_F(UsageTableTest, AKeyThatIsTooLongIsAmongTheOthers) {
  add(std::string(513, 'x'), 7, start_);
  add(std::string(512, 'x'), 8, start_);
  EXPECT_EQ(table_.page(24, start_).others.bytes, 7U);
  EXPECT_EQ(table_.size(), 1U);
}

}  // namespace
}  // namespace entrepot::registry
