// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/rules/served_ranges.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace entrepot::cache {
namespace {

using Verdict = ServedRanges::Verdict;
const std::vector<Span> range{{0, 8192}};
constexpr Client one{1}, two{2}, three{3};

TEST(ServedRanges, ThreeRepeatingClientsFetchTheWholeBlob) {
  ServedRanges served;
  EXPECT_EQ(served.note(range, one), Verdict::nothing) << "the first time";
  EXPECT_EQ(served.note(range, one), Verdict::nothing);
  EXPECT_EQ(served.note(range, two), Verdict::nothing);
  EXPECT_EQ(served.note(range, three), Verdict::wanted_by_many);
}

TEST(ServedRanges, OneRepeatingClientCausesChecksEverMoreRarely) {
  ServedRanges served;
  std::vector<int> checked_at;
  for (int i = 0; i < 1000; ++i) {
    const auto verdict = served.note(range, one);
    ASSERT_NE(verdict, Verdict::wanted_by_many);
    if (verdict == Verdict::check) checked_at.push_back(i);
  }
  EXPECT_EQ(checked_at, (std::vector<int>{3, 6, 12, 24, 48, 96, 192, 384, 768}));
}

TEST(ServedRanges, ShortAndNewRangesDoNotCount) {
  ServedRanges served;
  for (std::uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(served.note({{0, 2}}, Client{i}), Verdict::nothing);
    EXPECT_EQ(served.note({{i * 8192, i * 8192 + 4096}}, Client{i}), Verdict::nothing);
  }
}

TEST(ServedRanges, ForgetsManyScatteredRanges) {
  ServedRanges served;
  for (std::uint64_t i = 0; i < 100'000; ++i) served.note({{i * 8192, i * 8192 + 4096}}, one);
  EXPECT_EQ(served.note({{0, 4096}}, two), Verdict::nothing) << "long ago";
}

}  // namespace
}  // namespace entrepot::cache
