// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/rules/read_ahead.h"

#include <gtest/gtest.h>

namespace entrepot::cache {
namespace {

TEST(ReadAheadTest, FirstRangeHasNone) {
  ReadAhead ahead;
  EXPECT_EQ(ahead.next({0, grain}), 0U);
}

TEST(ReadAheadTest, ContinuedReadingDoublesItUpToTheBound) {
  ReadAhead ahead;
  std::uint64_t expected = 0;
  Span span{0, 100};
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ahead.next(span), expected);
    expected = expected == 0 ? grain : std::min(expected * 2, ReadAhead::max);
    span = {span.end, span.end + 100};
  }
  EXPECT_EQ(expected, ReadAhead::max);
}

TEST(ReadAheadTest, ASmallGapContinuesAndALargerOneDoesNot) {
  ReadAhead near;
  near.next({0, 100});
  EXPECT_EQ(near.next({100 + grain, 200 + grain}), grain);
  ReadAhead far;
  far.next({0, 100});
  EXPECT_EQ(far.next({101 + grain, 200 + grain}), 0U);
}

TEST(ReadAheadTest, TheBytesAheadCountAsRead) {
  ReadAhead ahead;
  ahead.next({0, 100});
  ASSERT_EQ(ahead.next({100, 200}), grain);
  EXPECT_EQ(ahead.next({200 + 2 * grain, 300 + 2 * grain}), 2 * grain);
}

TEST(ReadAheadTest, ARangeThatEndsEarlierIsNotAhead) {
  ReadAhead ahead;
  ahead.next({0, 10 * grain});
  EXPECT_EQ(ahead.next({0, grain}), 0U);
  EXPECT_EQ(ahead.next({grain, 2 * grain}), grain) << "reading continues from there";
}

}  // namespace
}  // namespace entrepot::cache
