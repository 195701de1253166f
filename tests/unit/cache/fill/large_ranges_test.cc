// SPDX-License-Identifier: Apache-2.0
// Pieces of a blob of 40 MiB: what has bounds in MiB.
#include <algorithm>

#include "tests/unit/cache/pieces_fixture.h"

namespace entrepot::cache {
namespace {

class LargePiecesTest : public PiecesTest {
 protected:
  LargePiecesTest() : PiecesTest(pattern(40 << 20)) {}
  void limit_cache_to(std::uint64_t bytes) {
    options.max_size = bytes;
    options.reserve_free = 0;
    open();
    executor.run();
  }
  /// One grain after the other.
  void read_on(std::uint64_t from, std::uint64_t grains) {
    for (auto at = from; at < from + grains; ++at) expect_piece(at * grain, (at + 1) * grain);
  }
};

TEST_F(LargePiecesTest, ReadAheadHasAnEnd) {
  read_on(0, 300);
  std::uint64_t longest = 0;
  for (const auto& asked : source.asked) longest = std::max(longest, range_of(asked).length());
  EXPECT_GE(longest, 4ULL << 20);
  EXPECT_LE(longest, (4ULL << 20) + grain);
}

TEST_F(LargePiecesTest, WithoutRoomNothingIsReadAhead) {
  limit_cache_to(16 << 20);
  read_on(1, 64);  // as much of one blob as may be kept
  EXPECT_EQ(asked_bytes(), 64 * grain) << "nothing twice, and nothing that was not read";
  EXPECT_EQ(ask_piece(grain, 2 * grain).answer().outcome, Outcome::hit);
}

TEST_F(LargePiecesTest, OneRequestIsSeveralTransfers) {
  expect_piece(0, 1);
  ask_piece(4 * grain, (16ULL << 20) + 4 * grain);
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(source.asked[1]).length(), max_range);
  EXPECT_EQ(range_of(source.asked[2]).length(), max_range);
}

TEST_F(LargePiecesTest, ResumedBytesCountAsClaimed) {
  limit_cache_to(16 << 20);
  expect_piece(0, 3 << 20);
  open();
  executor.run();
  expect_piece(20 << 20, 22 << 20);  // more than may be kept of one blob
  const auto before = source.asked.size();
  expect_piece(0, grain);
  EXPECT_EQ(source.asked.size(), before + 1) << "what was there has left for it";
}

TEST_F(LargePiecesTest, ARangeThatArrivesSoonInOrderIsNotRequested) {
  const auto all = ask_blob(digest);
  last().head(blob.size());
  last().data(std::string_view(blob).substr(0, 1 << 20));
  executor.run();
  const auto soon = ask_piece(3 << 20, (3 << 20) + 1);
  EXPECT_EQ(source.asked.size(), 1U);
  EXPECT_EQ(soon.answer().outcome, Outcome::joined);
  const auto far = ask_piece(20 << 20, (20 << 20) + 1);
  EXPECT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(far.answer().outcome, Outcome::miss);
}

TEST_F(LargePiecesTest, AFailedPieceDoesNotEndTheDownload) {
  const auto all = ask_blob(digest);
  auto& in_order = last();
  in_order.head(blob.size());
  executor.run();
  const auto far = ask_piece(20 << 20, (20 << 20) + 1);
  last().fail(FailureKind::unavailable);
  executor.run();
  in_order.data(blob);
  in_order.done();
  executor.run();
  EXPECT_EQ(read_piece(far, 20 << 20, (20 << 20) + 1), blob.substr(20 << 20, 1));
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(LargePiecesTest, AllOfItWaitsForPiecesThatAreOnTheirWay) {
  expect_piece(0, 1);
  const auto part = ask_piece(4 * grain, (30ULL << 20) + 4 * grain);
  EXPECT_EQ(source.asked.size(), 5U);
  const auto all = ask_blob(digest);
  bring();
  EXPECT_EQ(asked_bytes(), blob.size()) << "every byte once";
  EXPECT_TRUE(read(*all.answer().content) == blob);
}

TEST_F(LargePiecesTest, AllOfItComesInOrderWhereRangesEndMeanwhile) {
  expect_piece(0, 1);
  const auto part = ask_piece(grain, grain + 1);
  const auto all = ask_blob(digest);
  ASSERT_EQ(source.asked.size(), 2U);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  bring();
  EXPECT_TRUE(read(*all.answer().content) == blob);
  EXPECT_EQ(read_piece(part, grain, grain + 1), blob.substr(grain, 1));
}

TEST_F(LargePiecesTest, ABlobTooLargeToStorePassesThroughWhenRangesAreIgnored) {
  limit_cache_to(16 << 20);
  expect_piece(0, 1);
  const auto part = ask_piece(4 * grain, 4 * grain + 1);
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

TEST_F(LargePiecesTest, AllOfItAsksForPiecesThatDoNotCome) {
  expect_piece(0, 1);
  const auto part = ask_piece(grain, grain + 1);
  const auto all = ask_blob(digest);
  ASSERT_EQ(source.asked.size(), 2U) << "that one first";
  last().fail(FailureKind::unavailable);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{grain, 0}));
  bring();
  EXPECT_TRUE(read(*all.answer().content) == blob);
}

TEST_F(LargePiecesTest, PiecesLeaveBeforeBlobsWhereTheyAreMany) {
  limit_cache_to(64 << 20);
  const auto keep = [this](const std::string& bytes) {
    ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
  };
  const std::string first = pattern(12 << 20, 'b');
  keep(first);
  for (const char seed : {'c', 'd', 'e'}) keep(pattern(12 << 20, seed));
  expect_piece(0, 9 << 20);  // more than an eighth
  executor.pass(std::chrono::seconds(11));
  keep(pattern(12 << 20, 'f'));
  EXPECT_TRUE(cache->find_blob(repo, sha256(first)));
  const auto before = source.asked.size();
  expect_piece(0, 1);
  EXPECT_GT(source.asked.size(), before) << "they have left";
}

TEST_F(LargePiecesTest, PiecesStayBeforeBlobsWhereTheyAreFew) {
  limit_cache_to(64 << 20);
  expect_piece(0, 7 << 20);
  executor.pass(std::chrono::seconds(11));
  for (const char seed : {'b', 'c', 'd', 'e', 'f'}) {
    const std::string bytes = pattern(12 << 20, seed);
    ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
  }
  EXPECT_EQ(ask_piece(0, 1).answer().outcome, Outcome::hit);
}

}  // namespace
}  // namespace entrepot::cache
