// SPDX-License-Identifier: Apache-2.0
// Ranges of blobs that are wrong, refused or interrupted.
#include "cache/index/layout.h"
#include "tests/unit/cache/ranges_fixture.h"

namespace entrepot::cache {
namespace {

TEST_F(RangesTest, WrongBytesOfARangeDiscardTheFile) {
  const auto part = request_range(0, 1);
  last().head(blob.size());
  executor.run();
  last().data_at(0, std::string(grain, '?'));
  last().done();
  executor.run();
  const auto all = ask_blob(digest);
  deliver_all();
  EXPECT_EQ(all.answer().content->progress->state(), Progress::State::failed);
  EXPECT_TRUE(part.answer().content->reader->cut()) << "it is known to be wrong now";
  EXPECT_EQ(source.mismatches, 1);
  EXPECT_FALSE(cache->find_blob(repo, digest));
  const auto before = requested_bytes();
  ask_blob(digest);
  deliver_all();
  EXPECT_EQ(requested_bytes() - before, blob.size());
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(RangesTest, AnotherSizeOfARangeDiscardsTheFile) {
  expect_range(0, 1);
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().head(blob.size() + 1);
  executor.run();
  EXPECT_FALSE(part.answer().content);
  const auto before = requested_bytes();
  ask_blob(digest);
  deliver_all();
  EXPECT_EQ(requested_bytes() - before, blob.size());
}

TEST_F(RangesTest, AnotherSizeOfTheRestDiscardsTheFile) {
  expect_range(2 * grain, 20 * grain);
  ask_blob(digest);
  last().head(blob.size() + 1);
  executor.run();
  EXPECT_FALSE(request_range(2 * grain, 2 * grain + 1).answered()) << "it is requested again";
}

TEST_F(RangesTest, AFailureBeforeTheHeadKeepsTheFile) {
  expect_range(2 * grain, 20 * grain);
  ask_blob(digest);
  last().fail(FailureKind::bad_upstream);  // its certificate, say
  executor.run();
  EXPECT_EQ(request_range(2 * grain, 2 * grain + 1).answer().outcome, Outcome::hit);
  ask_blob(digest);
  last().head(blob.size());
  last().fail(FailureKind::bad_upstream);  // what it sends contradicts itself
  executor.run();
  EXPECT_FALSE(request_range(2 * grain, 2 * grain + 1).answered());
}

TEST_F(RangesTest, TheWholeBlobIsFetchedWhenRangesAreIgnored) {
  expect_range(0, 1);
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_TRUE(source.asked[1].cancelled);
  EXPECT_FALSE(last().request.end);
  const auto further = request_range(80 * grain, 80 * grain + 1);
  EXPECT_EQ(source.asked.size(), 3U);
  deliver_all();
  EXPECT_EQ(read_range(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
  EXPECT_EQ(read_range(further, 80 * grain, 80 * grain + 1), blob.substr(80 * grain, 1));
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

TEST_F(RangesTest, ARefusedRangeKeepsTheOthersAndFetchesTheWholeBlob) {
  expect_range(0, 1);
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U) << "the whole blob is requested";
  EXPECT_EQ(range_of(last()), (Span{0, 0})) << "without a range";
  request_range(80 * grain, 81 * grain);
  EXPECT_EQ(source.asked.size(), 3U) << "and no other range";
  deliver_all();
  EXPECT_EQ(read_range(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

TEST_F(RangesTest, TheWholeBlobIsRequestedWhenTheFirstRangeIsRefused) {
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  last().head(blob.size());
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  deliver_all();
  EXPECT_EQ(read_range(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

TEST_F(RangesTest, TheWholeBlobIsRequestedWhenTheSizeIsRefusedToo) {
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::bad_upstream);
  executor.run();
  last().fail(FailureKind::bad_upstream);
  executor.run();
  ASSERT_EQ(source.asked.size(), 3U);
  EXPECT_EQ(range_of(last()), (Span{0, 0}));
  EXPECT_FALSE(last().request.head);
  deliver_all();
  EXPECT_EQ(read_range(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
}

/// Its file has lost its name to another, which must not be taken for it.
TEST_F(RangesTest, AFillWithoutNameStoresNothing) {
  options.max_size = 16 << 20;
  open();
  executor.run();
  expect_range(0, 1);
  auto slow = std::make_optional(request_range(20 * grain, 79 * grain));
  auto& range = last();
  const auto all = ask_blob(digest);
  auto& second = last();
  ASSERT_NE(&range, &second) << "no room for all of it, so it has a fill of its own";
  EXPECT_FALSE(std::filesystem::exists(Layout(options.directory).fill(digest)));
  Options more = options;
  more.max_size = 1 << 30;
  cache->reconfigure(more);
  second.head(blob.size());
  second.data(std::string_view(blob).substr(0, 10 * grain));
  executor.run();
  deliver_to(range);  // half of it is there
  for (std::size_t i = 0; i < source.asked.size(); ++i)
    if (&source.asked[i] != &second) deliver_to(source.asked[i]);
  EXPECT_FALSE(cache->find_blob(repo, digest)) << "the fill that has the name is not complete";
  slow.reset();
  executor.pass(std::chrono::seconds(11));
  EXPECT_NE(metrics.text().find("entrepot_flights 1"), std::string::npos) << "the other has ended";
}

TEST_F(RangesTest, AFillWithoutNameKeepsTheFileOfAnother) {
  options.max_size = 16 << 20;
  open();
  executor.run();
  expect_range(0, 1);
  request_range(20 * grain, 30 * grain);
  auto& range = last();
  ask_blob(digest);  // for which there is no room
  Options more = options;
  more.max_size = 1 << 30;
  cache->reconfigure(more);
  last().head(blob.size());
  executor.run();
  const auto file = Layout(options.directory).fill(digest);
  ASSERT_TRUE(std::filesystem::exists(file));
  range.sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(RangesTest, TheWholeBlobIsRequestedWhenTheFirstRangeIsIgnored) {
  const auto part = request_range(50 * grain, 50 * grain + 1);
  last().sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  EXPECT_TRUE(source.asked[0].cancelled);
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_FALSE(last().request.end);
  deliver_all();
  EXPECT_EQ(read_range(part, 50 * grain, 50 * grain + 1), blob.substr(50 * grain, 1));
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(RangesTest, AFailedRangeFailsWaitingRequestsAndKeepsAvailableBytes) {
  expect_range(0, 1);
  const auto early = request_range(50 * grain, 50 * grain + 1);
  last().fail(FailureKind::rate_limited);
  executor.run();
  EXPECT_EQ(early.answer().failure.kind, FailureKind::rate_limited);
  const auto late = request_range(50 * grain, 50 * grain + 1);
  last().head(blob.size());
  executor.run();
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(late.answer().content->progress->state(), Progress::State::failed);
  EXPECT_FALSE(late.answer().content->reader->cut()) << "it may read what is there";
  EXPECT_EQ(request_range(0, 1).answer().outcome, Outcome::hit);
}

TEST_F(RangesTest, WaitingRequestsFailWhenTheProcessEnds) {
  expect_range(0, 1);
  const auto pending = request_range(50 * grain, 50 * grain + 1);
  cache->stop(executor, [] {});
  executor.run();
  EXPECT_EQ(pending.answer().failure.kind, FailureKind::unavailable);
}

}  // namespace
}  // namespace entrepot::cache
