// SPDX-License-Identifier: Apache-2.0
// Ranges of a blob of 40 MiB: rules with bounds in MiB.
#include <algorithm>

#include "tests/unit/cache/ranges_fixture.h"

namespace entrepot::cache {
namespace {

class LargeRangesTest : public RangesTest {
 protected:
  LargeRangesTest() : RangesTest(pattern(40 << 20)) {}
  void limit_cache_to(std::uint64_t bytes) {
    options.max_size = bytes;
    options.reserve_free = 0;
    open();
    executor.run();
  }
  /// One grain after the other.
  void read_on(std::uint64_t from, std::uint64_t grains) {
    for (auto at = from; at < from + grains; ++at) expect_range(at * grain, (at + 1) * grain);
  }
};

TEST_F(LargeRangesTest, ReadAheadIsBounded) {
  read_on(0, 300);
  std::uint64_t longest = 0;
  for (const auto& asked : source.asked) longest = std::max(longest, range_of(asked).length());
  EXPECT_GE(longest, 4ULL << 20);
  EXPECT_LE(longest, (4ULL << 20) + grain);
}

TEST_F(LargeRangesTest, ReadAheadNeedsRoom) {
  limit_cache_to(16 << 20);
  read_on(1, 64);  // as much of one blob as may be kept
  EXPECT_EQ(requested_bytes(), 64 * grain) << "each byte once, and none ahead";
  EXPECT_EQ(request_range(grain, 2 * grain).answer().outcome, Outcome::hit);
}

TEST_F(LargeRangesTest, ALongRangeMakesSeveralTransfers) {
  expect_range(0, 1);
  request_range(4 * grain, (16ULL << 20) + 4 * grain);
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(source.asked[1]).length(), max_range);
  EXPECT_EQ(range_of(source.asked[2]).length(), max_range);
}

TEST_F(LargeRangesTest, ResumedBytesCountAsClaimed) {
  limit_cache_to(16 << 20);
  expect_range(0, 3 << 20);
  open();
  executor.run();
  expect_range(20 << 20, 22 << 20);  // more than may be kept of one blob
  const auto before = source.asked.size();
  expect_range(0, grain);
  EXPECT_EQ(source.asked.size(), before + 1) << "its bytes were evicted";
}

TEST_F(LargeRangesTest, ARangeThatArrivesSoonInOrderIsNotRequested) {
  const auto all = ask_blob(digest);
  last().head(blob.size());
  last().data(std::string_view(blob).substr(0, 1 << 20));
  executor.run();
  const auto soon = request_range(3 << 20, (3 << 20) + 1);
  EXPECT_EQ(source.asked.size(), 1U);
  EXPECT_EQ(soon.answer().outcome, Outcome::joined);
  const auto far = request_range(20 << 20, (20 << 20) + 1);
  EXPECT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(far.answer().outcome, Outcome::miss);
}

TEST_F(LargeRangesTest, AFailedRangeDoesNotEndTheTransferInOrder) {
  const auto all = ask_blob(digest);
  auto& in_order = last();
  in_order.head(blob.size());
  executor.run();
  const auto far = request_range(20 << 20, (20 << 20) + 1);
  last().fail(FailureKind::unavailable);
  executor.run();
  in_order.data(blob);
  in_order.done();
  executor.run();
  EXPECT_EQ(read_range(far, 20 << 20, (20 << 20) + 1), blob.substr(20 << 20, 1));
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(LargeRangesTest, TheWholeBlobWaitsForRangesInTransfer) {
  expect_range(0, 1);
  const auto part = request_range(4 * grain, (30ULL << 20) + 4 * grain);
  EXPECT_EQ(source.asked.size(), 5U);
  const auto all = ask_blob(digest);
  deliver_all();
  EXPECT_EQ(requested_bytes(), blob.size()) << "every byte once";
  EXPECT_TRUE(read(*all.answer().content) == blob);
}

TEST_F(LargeRangesTest, TheWholeBlobArrivesInOrderWhenRangesAreIgnored) {
  expect_range(0, 1);
  const auto part = request_range(grain, grain + 1);
  const auto all = ask_blob(digest);
  ASSERT_EQ(source.asked.size(), 2U);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  deliver_all();
  EXPECT_TRUE(read(*all.answer().content) == blob);
  EXPECT_EQ(read_range(part, grain, grain + 1), blob.substr(grain, 1));
}

TEST_F(LargeRangesTest, ABlobTooLargeToStorePassesThroughWhenRangesAreIgnored) {
  limit_cache_to(16 << 20);
  expect_range(0, 1);
  const auto part = request_range(4 * grain, 4 * grain + 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(part.answered());
    last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
    executor.run();
  }
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  last().head(blob.size());
  executor.run();
  EXPECT_EQ(part.answer().outcome, Outcome::bypass);
}

TEST_F(LargeRangesTest, TheWholeBlobRequestsRangesThatHaveFailed) {
  expect_range(0, 1);
  const auto part = request_range(grain, grain + 1);
  const auto all = ask_blob(digest);
  ASSERT_EQ(source.asked.size(), 2U) << "the range is in transfer";
  last().fail(FailureKind::unavailable);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{grain, 0}));
  deliver_all();
  EXPECT_TRUE(read(*all.answer().content) == blob);
}

TEST_F(LargeRangesTest, ManyRangesAreEvictedBeforeBlobs) {
  limit_cache_to(64 << 20);
  const auto keep = [this](const std::string& bytes) {
    ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
  };
  const std::string first = pattern(12 << 20, 'b');
  keep(first);
  for (const char seed : {'c', 'd', 'e'}) keep(pattern(12 << 20, seed));
  expect_range(0, 9 << 20);  // more than an eighth
  executor.pass(std::chrono::seconds(11));
  keep(pattern(12 << 20, 'f'));
  EXPECT_TRUE(cache->find_blob(repo, sha256(first)));
  const auto before = source.asked.size();
  expect_range(0, 1);
  EXPECT_GT(source.asked.size(), before) << "the ranges are evicted";
}

TEST_F(LargeRangesTest, FewRangesAreEvictedAfterBlobs) {
  limit_cache_to(64 << 20);
  expect_range(0, 7 << 20);
  executor.pass(std::chrono::seconds(11));
  for (const char seed : {'b', 'c', 'd', 'e', 'f'}) {
    const std::string bytes = pattern(12 << 20, seed);
    ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
  }
  EXPECT_EQ(request_range(0, 1).answer().outcome, Outcome::hit);
}

}  // namespace
}  // namespace entrepot::cache
