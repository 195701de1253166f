// SPDX-License-Identifier: Apache-2.0
// Pieces of blobs that are wrong, refused or broken off.
#include "cache/index/layout.h"
#include "tests/unit/cache/pieces_fixture.h"

namespace entrepot::cache {
namespace {

TEST_F(PiecesTest, AWrongPieceSpoilsAllAndNothingIsKept) {
  const auto part = ask_piece(0, 1);
  last().head(blob.size());
  executor.run();
  last().data_at(0, std::string(grain, '?'));
  last().done();
  executor.run();
  const auto all = ask_blob(digest);
  bring();
  EXPECT_EQ(all.answer().content->progress->state(), Progress::State::failed);
  EXPECT_TRUE(part.answer().content->reader->cut()) << "it is known to be wrong now";
  EXPECT_EQ(source.mismatches, 1);
  EXPECT_FALSE(cache->find_blob(repo, digest));
  const auto before = asked_bytes();
  ask_blob(digest);
  bring();
  EXPECT_EQ(asked_bytes() - before, blob.size());
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(PiecesTest, AnotherSizeThanBeforeSpoilsAll) {
  expect_piece(0, 1);
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().head(blob.size() + 1);
  executor.run();
  EXPECT_FALSE(part.answer().content);
  const auto before = asked_bytes();
  ask_blob(digest);
  bring();
  EXPECT_EQ(asked_bytes() - before, blob.size());
}

TEST_F(PiecesTest, AnotherSizeOfTheRestSpoilsAll) {
  expect_piece(2 * grain, 20 * grain);
  ask_blob(digest);
  last().head(blob.size() + 1);
  executor.run();
  EXPECT_FALSE(ask_piece(2 * grain, 2 * grain + 1).answered()) << "it is asked for anew";
}

TEST_F(PiecesTest, AFailureBeforeTheFirstByteHarmsNothing) {
  expect_piece(2 * grain, 20 * grain);
  ask_blob(digest);
  last().fail(FailureKind::bad_upstream);  // its certificate, say
  executor.run();
  EXPECT_EQ(ask_piece(2 * grain, 2 * grain + 1).answer().outcome, Outcome::hit);
  ask_blob(digest);
  last().head(blob.size());
  last().fail(FailureKind::bad_upstream);  // what it sends contradicts itself
  executor.run();
  EXPECT_FALSE(ask_piece(2 * grain, 2 * grain + 1).answered());
}

TEST_F(PiecesTest, TheWholeBlobIsFetchedWhenRangesAreIgnored) {
  expect_piece(0, 1);
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_TRUE(source.asked[1].cancelled);
  EXPECT_FALSE(last().request.end);
  const auto further = ask_piece(80 * grain, 80 * grain + 1);
  EXPECT_EQ(source.asked.size(), 3U);
  bring();
  EXPECT_EQ(read_piece(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
  EXPECT_EQ(read_piece(further, 80 * grain, 80 * grain + 1), blob.substr(80 * grain, 1));
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(PiecesTest, AWrongAnswerToARangeIsNoReasonToForgetTheOthers) {
  expect_piece(0, 1);
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U) << "all of it is asked for";
  EXPECT_EQ(range_of(last()), (Span{0, 0})) << "without a range";
  ask_piece(80 * grain, 81 * grain);
  EXPECT_EQ(source.asked.size(), 3U) << "and no other range";
  bring();
  EXPECT_EQ(read_piece(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

TEST_F(PiecesTest, TheWholeBlobIsRequestedWhenTheFirstRangeIsRefused) {
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  last().head(blob.size());
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  bring();
  EXPECT_EQ(read_piece(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

TEST_F(PiecesTest, TheWholeBlobIsRequestedWhenTheSizeIsRefusedToo) {
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  last().fail(FailureKind::bad_upstream);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  EXPECT_FALSE(last().request.head);
  bring();
  EXPECT_EQ(read_piece(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

/// Its file has lost its name to another, which must not be taken for it.
TEST_F(PiecesTest, OneThatSteppedAsideIsNeverKept) {
  options.max_size = 16 << 20;
  open();
  executor.run();
  expect_piece(0, 1);
  auto slow = std::make_optional(ask_piece(20 * grain, 79 * grain));
  auto& piece = last();
  const auto all = ask_blob(digest);
  auto& anew = last();
  ASSERT_NE(&piece, &anew) << "no room for all of it, so it has a fill of its own";
  EXPECT_FALSE(std::filesystem::exists(Layout(options.directory).fill(digest)));
  Options more = options;
  more.max_size = 1 << 30;
  cache->reconfigure(more);
  anew.head(blob.size());
  anew.data(std::string_view(blob).substr(0, 10 * grain));
  executor.run();
  bring_to(piece);  // half of it is there
  for (std::size_t i = 0; i < source.asked.size(); ++i)
    if (&source.asked[i] != &anew) bring_to(source.asked[i]);
  EXPECT_FALSE(cache->find_blob(repo, digest)) << "the one that has the name is not through";
  slow.reset();
  executor.pass(std::chrono::seconds(11));
  EXPECT_NE(metrics.text().find("entrepot_flights 1"), std::string::npos) << "the other has ended";
}

TEST_F(PiecesTest, OneThatSteppedAsideTakesNoFileFromAnother) {
  options.max_size = 16 << 20;
  open();
  executor.run();
  expect_piece(0, 1);
  ask_piece(20 * grain, 30 * grain);
  auto& piece = last();
  ask_blob(digest);  // for which there is no room
  Options more = options;
  more.max_size = 1 << 30;
  cache->reconfigure(more);
  last().head(blob.size());
  executor.run();
  const auto file = Layout(options.directory).fill(digest);
  ASSERT_TRUE(std::filesystem::exists(file));
  piece.sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(PiecesTest, AnUpstreamThatIgnoresRangesIsAskedForAllOfIt) {
  const auto part = ask_piece(50 * grain, 50 * grain + 1);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  EXPECT_TRUE(source.asked[0].cancelled);
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_FALSE(last().request.end);
  bring();
  EXPECT_EQ(read_piece(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(PiecesTest, AFailedPieceFailsWhoWaitsAndKeepsWhatIsThere) {
  expect_piece(0, 1);
  const auto early = ask_piece(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::rate_limited);
  executor.run();
  EXPECT_EQ(early.answer().failure.kind, FailureKind::rate_limited);
  const auto late = ask_piece(50 * grain, 50 * grain + 1);
  last().head(blob.size());
  executor.run();
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(late.answer().content->progress->state(), Progress::State::failed);
  EXPECT_FALSE(late.answer().content->reader->cut()) << "it may read what is there";
  EXPECT_EQ(ask_piece(0, 1).answer().outcome, Outcome::hit);
}

TEST_F(PiecesTest, WaitingRequestsFailWhenTheProcessEnds) {
  expect_piece(0, 1);
  const auto pending = ask_piece(50 * grain, 50 * grain + 1);
  cache->stop(executor, [] {});
  executor.run();
  EXPECT_EQ(pending.answer().failure.kind, FailureKind::unavailable);
}

}  // namespace
}  // namespace entrepot::cache
