// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/range.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace entrepot::registry {

void PrintTo(const RangeDecision& decision, std::ostream* out) {
  *out << static_cast<int>(decision.kind);
  for (const auto& [first, last] : decision.ranges) *out << " " << first << "-" << last;
}

namespace {

using Kind = RangeDecision::Kind;
const RangeDecision whole{};
const RangeDecision unsatisfiable{Kind::unsatisfiable, {}};
RangeDecision part(std::uint64_t first, std::uint64_t last) {
  return {Kind::part, {{first, last}}};
}
RangeDecision parts(std::vector<ByteRange> ranges) { return {Kind::parts, std::move(ranges)}; }

RangeOutline outlined(std::optional<ByteRange> first) { return {true, first}; }

TEST(OutlineRange, PiecesHaveExplicitEnds) {
  EXPECT_EQ(outline_range("bytes=3-5"), outlined(ByteRange{3, 5}));
  EXPECT_EQ(outline_range("bytes=3-5,0-1"), outlined(ByteRange{3, 5}));
  EXPECT_EQ(outline_range("bytes=-5"), outlined(std::nullopt));
  EXPECT_EQ(outline_range("bytes=-5,3-4"), outlined(std::nullopt));
  EXPECT_EQ(outline_range("bytes=3-4,-5"), outlined(ByteRange{3, 4}));
}

TEST(OutlineRange, OpenEndedRangeIsNoPiece) {
  for (const std::string_view field :
       {"bytes=0-", "bytes=3-", "bytes=0-1,7-", "bytes=0-18446744073709551615",
        "bytes=0-9223372036854775807", "", "bytes=", "bytes=a-b", "items=0-1", "bytes=5-3"})
    EXPECT_EQ(outline_range(field), RangeOutline{}) << field;
}

TEST(DecideRange, OneRange) {
  EXPECT_EQ(decide_range("bytes=0-", 10), part(0, 9));
  EXPECT_EQ(decide_range("bytes=0-0", 10), part(0, 0));
  EXPECT_EQ(decide_range("bytes=3-5", 10), part(3, 5));
  EXPECT_EQ(decide_range("bytes=3-99", 10), part(3, 9));
  EXPECT_EQ(decide_range("bytes=9-", 10), part(9, 9));
  EXPECT_EQ(decide_range("bytes=-3", 10), part(7, 9));
  EXPECT_EQ(decide_range("bytes=-99", 10), part(0, 9));
  EXPECT_EQ(decide_range("Bytes=0-1", 10), part(0, 1));
  EXPECT_EQ(decide_range("bytes= 0-1 ,, ", 10), part(0, 1));
  EXPECT_EQ(decide_range("bytes=0-18446744073709551615", 10), part(0, 9));
}

TEST(DecideRange, Unsatisfiable) {  // corpus case 88
  EXPECT_EQ(decide_range("bytes=10-", 10), unsatisfiable);
  EXPECT_EQ(decide_range("bytes=10-20", 10), unsatisfiable);
  EXPECT_EQ(decide_range("bytes=18446744073709551615-", 10), unsatisfiable);
  EXPECT_EQ(decide_range("bytes=-0", 10), unsatisfiable);
}

TEST(DecideRange, IgnoresMalformedRanges) {  // corpus case 87
  for (const char* field : {"",
                            "bytes",
                            "bytes=",
                            "bytes=,",
                            "=",
                            "=a-b",
                            "bytes=a-b",
                            "bytes=5-2",
                            "lines=0-1",
                            "bytes=-",
                            "bytes=--1",
                            "bytes=1-2-3",
                            "bytes=+1-2",
                            "bytes=1-+2",
                            "bytes=1 -2",
                            "bytes=0x1-2",
                            "bytes=1",
                            "bytes:0-1",
                            "bytes =0-1",
                            "bytes=18446744073709551616-",
                            "bytes=0-18446744073709551616",
                            "bytes=-18446744073709551616",
                            "bytes=0-1,x"})
    EXPECT_EQ(decide_range(field, 10), whole) << field;
}

TEST(DecideRange, KeepsTheOrderOfSeveralRanges) {
  EXPECT_EQ(decide_range("bytes=0-1,4-5", 10), parts({{0, 1}, {4, 5}}));
  EXPECT_EQ(decide_range("bytes=8-,0-1,-3", 10), parts({{8, 9}, {0, 1}, {7, 9}}));
  EXPECT_EQ(decide_range("bytes=2-3,2-3,3-4", 10), parts({{2, 3}, {2, 3}, {3, 4}}))
      << "neither merged nor in another order";
  EXPECT_EQ(decide_range("bytes=0-1,4-99", 10), parts({{0, 1}, {4, 9}}));
  EXPECT_EQ(decide_range("bytes=0-1,50-,-0", 10), parts({{0, 1}})) << "only satisfiable ranges";
}

TEST(DecideRange, AnswersWholeForUselessRanges) {
  EXPECT_EQ(decide_range("bytes=20-,30-", 10), whole) << "never 416 to several ranges";
  EXPECT_EQ(decide_range("bytes=0-9,0-0", 10), whole) << "longer than the body";
  EXPECT_EQ(decide_range("bytes=0-4,5-9", 10), parts({{0, 4}, {5, 9}})) << "as long as the body";
  EXPECT_EQ(decide_range("bytes=0-1,x", 10), whole);
}

TEST(DecideRange, CountsRanges) {  // corpus case 89
  std::string field = "bytes=0-0";
  for (std::size_t i = 1; i < max_ranges; ++i) field += ",0-0";
  EXPECT_EQ(decide_range(field, 10), whole);
  EXPECT_EQ(decide_range(field, 5000), parts(std::vector<ByteRange>(max_ranges)));
  const RangeDecision too_many{Kind::too_many, {}};
  EXPECT_EQ(decide_range(field + ",0-0", 10), too_many);
  EXPECT_EQ(decide_range(field + ",0-0", 5000), too_many);
  EXPECT_EQ(decide_range(field + ",,,,", 10), whole) << "empty elements are not ranges";
}

TEST(DecideRange, IgnoresRangesOfAnEmptyBody) {
  for (const char* field : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-"})
    EXPECT_EQ(decide_range(field, 0), whole) << field;
}

/// Evaluates a range as RFC 9110 defines it, by testing every byte.
RangeDecision naive(std::optional<std::uint64_t> first, std::optional<std::uint64_t> last,
                    std::uint64_t size) {
  if (size == 0 || (first && last && *last < *first)) return whole;
  std::optional<std::uint64_t> from, to;
  for (std::uint64_t i = 0; i < size; ++i) {
    const bool wanted = first ? i >= *first && (!last || i <= *last) : size - i <= *last;
    if (!wanted) continue;
    if (!from) from = i;
    to = i;
  }
  return from ? part(*from, *to) : unsatisfiable;
}

TEST(DecideRange, AgreesWithANaiveImplementation) {
  std::mt19937_64 random(7);
  std::map<Kind, int> counts;
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t size = random() % 40;
    std::optional<std::uint64_t> first, last;
    const int form = static_cast<int>(random() % 3);
    if (form != 2) first = random() % 50;
    if (form != 1) last = random() % 50;
    const std::string field = "bytes=" + (first ? std::to_string(*first) : "") + "-" +
                              (last ? std::to_string(*last) : "");
    const RangeDecision decision = decide_range(field, size);
    ASSERT_EQ(decision, naive(first, last, size)) << field << " of " << size;
    ++counts[decision.kind];
  }
  for (const auto kind : {Kind::whole, Kind::part, Kind::unsatisfiable})
    EXPECT_GT(counts[kind], 500) << "every outcome must have been compared";
}

/// Several ranges, compared with the results of each alone.
TEST(DecideRange, SeveralRangesAgreeWithSingleOnes) {
  std::mt19937_64 random(8);
  int several = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t size = 1 + random() % 40;
    std::string field;
    RangeDecision expected{Kind::parts, {}};
    std::uint64_t sum = 0;
    for (std::uint64_t n = 2 + random() % 4; n > 0; --n) {
      const std::uint64_t first = random() % 50, length = 1 + random() % 10;
      const std::string one = std::to_string(first) + "-" + std::to_string(first + length - 1);
      field += "," + one;
      const auto alone = decide_range("bytes=" + one, size);
      if (alone.kind != Kind::part) continue;
      expected.ranges.push_back(alone.ranges[0]);
      sum += alone.ranges[0].length();
    }
    if (sum > size || expected.ranges.empty()) expected = whole;
    several += expected.ranges.size() > 1 ? 1 : 0;
    ASSERT_EQ(decide_range("bytes=" + field, size), expected) << field << " of " << size;
  }
  EXPECT_GT(several, 2000);
}

TEST(DecideRange, RangesLieWithinTheBodyForAnyInput) {
  std::mt19937_64 random(11);
  constexpr std::string_view alphabet = "bytes=0123456789-,, ";
  for (int i = 0; i < 100000; ++i) {
    std::string field = random() % 2 ? "bytes=" : "";
    for (std::uint64_t n = random() % 12; n > 0; --n) field += alphabet[random() % alphabet.size()];
    const std::uint64_t size = random() % 100;
    const RangeDecision decision = decide_range(field, size);
    for (const auto& [first, last] : decision.ranges) {
      ASSERT_LE(first, last) << field;
      ASSERT_LT(last, size) << field;
    }
  }
}

}  // namespace
}  // namespace entrepot::registry
