// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/range.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <random>
#include <string>

namespace entrepot::registry {

void PrintTo(const RangeDecision& decision, std::ostream* out) {
  *out << static_cast<int>(decision.kind) << " " << decision.first << "-" << decision.last;
}

namespace {

using Kind = RangeDecision::Kind;
constexpr RangeDecision whole{};
constexpr RangeDecision unsatisfiable{Kind::unsatisfiable};
constexpr RangeDecision part(std::uint64_t first, std::uint64_t last) {
  return {Kind::part, first, last};
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

TEST(DecideRange, BrokenIsIgnored) {  // corpus case 87
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

TEST(DecideRange, SeveralAreAnsweredWhole) {
  EXPECT_EQ(decide_range("bytes=0-1,4-5", 10), whole);
  EXPECT_EQ(decide_range("bytes=20-,30-", 10), whole) << "never 416 to several ranges";
  EXPECT_EQ(decide_range("bytes=0-9,0-9", 10), whole);
}

TEST(DecideRange, CountsRanges) {  // corpus case 89
  std::string field = "bytes=0-0";
  for (std::size_t i = 1; i < max_ranges; ++i) field += ",0-0";
  EXPECT_EQ(decide_range(field, 10), whole);
  EXPECT_EQ(decide_range(field + ",0-0", 10), RangeDecision{Kind::too_many});
  EXPECT_EQ(decide_range(field + ",,,,", 10), whole) << "empty elements are not ranges";
}

TEST(DecideRange, AnEmptyBodyHasNoRanges) {
  for (const char* field : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-"})
    EXPECT_EQ(decide_range(field, 0), whole) << field;
}

/// What RFC 9110 says, by looking at every byte.
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

TEST(DecideRange, AgreesWithANaiveReading) {
  std::mt19937_64 random(7);
  int counts[3] = {};
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
    ++counts[static_cast<int>(decision.kind)];
  }
  for (const int count : counts) EXPECT_GT(count, 500) << "every outcome must have been compared";
}

TEST(DecideRange, AnyBytesGiveARangeInside) {
  std::mt19937_64 random(11);
  constexpr std::string_view alphabet = "bytes=0123456789-,, ";
  for (int i = 0; i < 100000; ++i) {
    std::string field = random() % 2 ? "bytes=" : "";
    for (std::uint64_t n = random() % 12; n > 0; --n) field += alphabet[random() % alphabet.size()];
    const std::uint64_t size = random() % 100;
    const RangeDecision decision = decide_range(field, size);
    if (decision.kind != Kind::part) continue;
    ASSERT_LE(decision.first, decision.last) << field;
    ASSERT_LT(decision.last, size) << field;
  }
}

}  // namespace
}  // namespace entrepot::registry
