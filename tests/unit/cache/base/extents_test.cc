// SPDX-License-Identifier: Apache-2.0
#include "cache/base/extents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace entrepot::cache {
namespace {

TEST(Extents, MergesTouchingAndOverlappingSpans) {
  Extents extents;
  extents.add({10, 20});
  extents.add({30, 40});
  extents.add({20, 25});
  EXPECT_EQ(extents.spans(), (std::map<std::uint64_t, std::uint64_t>{{10, 25}, {30, 40}}));
  extents.add({5, 35});
  EXPECT_EQ(extents.spans(), (std::map<std::uint64_t, std::uint64_t>{{5, 40}}));
  EXPECT_EQ(extents.bytes(), 35U);
  extents.add({7, 7});
  extents.add({50, 40});
  EXPECT_EQ(extents.bytes(), 35U) << "empty spans have no effect";
}

TEST(Joined, MergesCloseSpans) {
  using Spans = std::vector<Span>;
  EXPECT_EQ(joined({{50, 60}, {0, 10}, {12, 20}, {5, 7}}, 2, 9), (Spans{{0, 20}, {50, 60}}));
  EXPECT_EQ(joined({}, 2, 9), Spans{});
}

TEST(Joined, MergesTheClosestSpansAboveTheMaximum) {
  using Spans = std::vector<Span>;
  const Spans apart{{0, 1}, {10, 11}, {100, 101}, {105, 106}, {200, 201}};
  EXPECT_EQ(joined(apart, 0, 5), apart);
  EXPECT_EQ(joined(apart, 0, 4), (Spans{{0, 1}, {10, 11}, {100, 106}, {200, 201}}));
  EXPECT_EQ(joined(apart, 0, 3), (Spans{{0, 11}, {100, 106}, {200, 201}}));
  EXPECT_EQ(joined(apart, 0, 1), (Spans{{0, 201}}));
  Spans even;
  for (std::uint64_t i = 0; i < 1000; ++i) even.push_back({i * 10, i * 10 + 1});
  const auto few = joined(even, 0, 64);
  EXPECT_EQ(few.size(), 64U) << "for equal gaps too";
  Extents covered;
  for (const auto& span : few) covered.add(span);
  for (const auto& span : even) EXPECT_TRUE(covered.covers(span));
}

TEST(Extents, FindsStoredSpansAndGaps) {
  Extents extents;
  extents.add({10, 20});
  extents.add({30, 40});
  EXPECT_EQ(extents.end_from(9), 9U);
  EXPECT_EQ(extents.end_from(10), 20U);
  EXPECT_EQ(extents.end_from(19), 20U);
  EXPECT_EQ(extents.end_from(20), 20U);
  EXPECT_EQ(extents.gap_in({0, 50}), (Span{0, 10}));
  EXPECT_EQ(extents.gap_in({12, 50}), (Span{20, 30}));
  EXPECT_EQ(extents.gap_in({35, 50}), (Span{40, 50}));
  EXPECT_TRUE(extents.covers({10, 20}));
  EXPECT_TRUE(extents.covers({15, 15}));
  EXPECT_FALSE(extents.covers({19, 21}));
}

TEST(Extents, RemovingSplitsSpans) {
  Extents extents;
  extents.add({10, 40});
  extents.remove({20, 30});
  EXPECT_EQ(extents.spans(), (std::map<std::uint64_t, std::uint64_t>{{10, 20}, {30, 40}}));
  EXPECT_EQ(extents.bytes(), 20U);
  extents.remove({15, 35});
  EXPECT_EQ(extents.spans(), (std::map<std::uint64_t, std::uint64_t>{{10, 15}, {35, 40}}));
  extents.remove({38, 38});
  extents.remove({0, 100});
  EXPECT_TRUE(extents.spans().empty());
  EXPECT_EQ(extents.bytes(), 0U);
}

/// Compares random operations with a bit for each byte.
TEST(Extents, AgreesWithABitmap) {
  constexpr std::uint64_t size = 200;
  std::mt19937_64 random(1);  // NOLINT(cert-msc51-cpp): the same each time
  for (int round = 0; round < 200; ++round) {
    Extents extents;
    std::vector<bool> there(size);
    for (int step = 0; step < 30; ++step) {
      const Span span{random() % size, random() % (size + 1)};
      extents.add(span);
      for (auto at = span.begin; at < span.end; ++at) there[at] = true;
      const Span removed{random() % size, random() % (size + 1)};
      if (removed.length() < size / 4) {
        extents.remove(removed);
        for (auto at = removed.begin; at < removed.end; ++at) there[at] = false;
      }
      const Span asked{random() % size, random() % (size + 1)};
      Span gap{asked.end, asked.end};
      for (auto at = asked.begin; at < asked.end && gap.empty(); ++at) {
        if (there[at]) continue;
        gap.begin = gap.end = at;
        while (gap.end < asked.end && !there[gap.end]) ++gap.end;
      }
      const auto found = extents.gap_in(asked);
      ASSERT_EQ(found.empty(), gap.empty());
      ASSERT_TRUE(gap.empty() || found == gap);
      auto end = asked.begin;
      while (end < size && there[end]) ++end;
      ASSERT_EQ(extents.end_from(asked.begin), end);
    }
    ASSERT_EQ(extents.bytes(),
              static_cast<std::uint64_t>(std::count(there.begin(), there.end(), true)));
    auto last_end = std::uint64_t{0};
    for (const auto& [begin, end] : extents.spans()) {
      ASSERT_LT(begin, end);
      ASSERT_TRUE(last_end < begin || begin == 0);
      last_end = end;
    }
  }
}

}  // namespace
}  // namespace entrepot::cache
