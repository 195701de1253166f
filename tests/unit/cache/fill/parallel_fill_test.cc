// SPDX-License-Identifier: Apache-2.0
// A fill whose rest comes over several transfers.
#include <algorithm>

#include "cache/fill/rules/parallelism.h"
#include "tests/unit/cache/growing_file_fixture.h"
#include "tests/unit/cache/ranges_fixture.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

class ParallelFillTest : public RangesTest {
 protected:
  ParallelFillTest() : RangesTest(pattern(64 * mib + 77)) { reopen(4); }

  void reopen(std::size_t transfers) {
    options.transfers_per_blob = transfers;
    options.extra_transfers = 10;
    open();
    executor.run();
  }
  /// The next `bytes` of what `asked` is for.
  void arrive(fakes::Source::Asked& asked, std::uint64_t bytes) {
    if (asked.sink == nullptr) return;
    const auto at = asked.request.offset + asked.sent;
    const auto end = std::min(asked.request.end.value_or(blob.size()), blob.size());
    bytes = std::min(bytes, end - at);
    asked.sent += bytes;
    asked.data_at(at, std::string_view(blob).substr(at, bytes));
    executor.run();
    if (asked.sink != nullptr && at + bytes == end) {
      asked.done();
      executor.run();
    }
  }
  /// All that is on its way brings `bytes` more, and the fill looks at its speed.
  void interval(std::uint64_t bytes) {
    const auto now = source.asked.size();
    for (std::size_t i = 0; i < now; ++i) {
      auto& asked = source.asked[i];
      if (asked.sink != nullptr && asked.sent == 0 && i > 0) asked.head(blob.size());
      executor.run();
      arrive(asked, bytes);
    }
    executor.pass(Parallelism::interval);
  }
  /// A cold download that has come to two transfers.
  Pending widen() {
    auto pending = ask_blob(digest);
    last().head(blob.size());
    executor.run();
    interval(mib);
    interval(mib);
    return pending;
  }
  /// A download one of whose segments has a wrong byte, until that is found.
  Pending spoil() {
    const auto pending = widen();
    source.asked[1].head(blob.size());
    source.asked[1].sent = 1;
    source.asked[1].data_at(6 * mib, "!");
    for (int i = 0; i < 200 && source.mismatches == 0; ++i) interval(mib);
    EXPECT_EQ(source.mismatches, 1);
    return pending;
  }
  static log::UpstreamWork work_of(const fakes::Source::Asked& asked) {
    log::UpstreamWork work;
    asked.request.record->add_since({}, work, {});
    return work;
  }
  std::size_t under_way() const {
    return static_cast<std::size_t>(
        std::count_if(source.asked.begin(), source.asked.end(),
                      [](const auto& asked) { return asked.sink != nullptr; }));
  }
  std::uint64_t delivered() const {
    std::uint64_t sum = 0;
    for (const auto& asked : source.asked) sum += asked.sent;
    return sum;
  }
  void finish(const Pending& pending) {
    for (int i = 0; i < 200 && !cache->find_blob(repo, digest); ++i) interval(mib);
    ASSERT_TRUE(cache->find_blob(repo, digest));
    EXPECT_TRUE(read(*pending.answer().content) == blob);
  }
};

TEST_F(ParallelFillTest, ASegmentBeginsAheadOfTheTransferInOrder) {
  widen();
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(range_of(source.asked[1]), (Span{6 * mib, 10 * mib}));
  EXPECT_FALSE(source.asked[0].request.beside_others);
  EXPECT_TRUE(source.asked[1].request.beside_others);
  ASSERT_EQ(source.asked[0].request.record, source.asked[1].request.record);
  EXPECT_EQ(work_of(last()).transfers, 2U);
  EXPECT_EQ(work_of(last()).kept, 0U);
}

TEST_F(ParallelFillTest, TheTransferInOrderEndsAtTheSegment) {
  widen();
  auto& in_order = source.asked[0];
  arrive(in_order, 4 * mib - 1000);
  ASSERT_NE(in_order.sink, nullptr);
  arrive(in_order, 5000);
  EXPECT_EQ(in_order.sink, nullptr);
  EXPECT_TRUE(in_order.cancelled);
  ASSERT_EQ(under_way(), 2U);
  EXPECT_EQ(range_of(last()), (Span{10 * mib, 14 * mib}));
}

TEST_F(ParallelFillTest, AReaderInOrderFollowsTheSegments) {
  const auto pending = widen();
  arrive(source.asked[0], 4 * mib);
  const auto& content = *pending.answer().content;
  EXPECT_EQ(content.progress->readable(0, Progress::ReadPolicy::proven), 6 * mib);
  source.asked[1].head(blob.size());
  arrive(source.asked[1], mib);
  EXPECT_EQ(content.progress->readable(0, Progress::ReadPolicy::proven), 7 * mib);
}

TEST_F(ParallelFillTest, EachByteIsRequestedOnce) {
  finish(widen());
  EXPECT_GE(source.asked.size(), 5U);
  EXPECT_LE(delivered(), blob.size() + mib) << "bytes in transfer when the segment ended";
  EXPECT_EQ(source.mismatches, 0);
}

TEST_F(ParallelFillTest, MoreSpeedAddsTransfers) {
  const auto pending = widen();
  interval(mib);
  interval(mib);
  EXPECT_EQ(under_way(), 4U);
  finish(pending);
}

TEST_F(ParallelFillTest, TransfersEndAtAboutTheSameTime) {
  const auto pending = widen();
  for (int i = 0; i < 10 && under_way() < 4; ++i) interval(mib);
  int fewer = 0;
  for (int i = 0; i < 200 && !cache->find_blob(repo, digest); ++i) {
    interval(mib);
    fewer += under_way() < 4 ? 1 : 0;
  }
  EXPECT_LE(fewer, 2) << "intervals in which some wait for the last";
  EXPECT_LE(source.asked.size(), 24U) << "few requests";
  finish(pending);
}

TEST_F(ParallelFillTest, WithoutMoreSpeedOneTransferRemains) {
  const auto pending = widen();
  const auto asked = source.asked.size();
  for (int i = 0; i < 12; ++i) interval(mib / under_way());
  EXPECT_EQ(source.asked.size(), asked + 1) << "the rest in order, and nothing else";
  EXPECT_FALSE(last().request.end.has_value());
  finish(pending);
  EXPECT_LE(delivered(), blob.size() + mib);
}

TEST_F(ParallelFillTest, ANearMirrorDeliversInOrder) {
  const auto pending = ask_blob(digest);
  cache::FetchHead head;
  head.size = blob.size();
  head.near_mirror = true;
  last().sink->on_head(head);
  executor.run();
  for (int i = 0; i < 20; ++i) interval(mib);
  EXPECT_EQ(source.asked.size(), 1U);
  finish(pending);
}

TEST_F(ParallelFillTest, AFailedSegmentEndsTheParallelFetch) {
  const auto pending = widen();
  source.asked[1].fail(FailureKind::unavailable);
  executor.run();
  for (int i = 0; i < 20; ++i) interval(mib);
  EXPECT_EQ(source.asked.size(), 2U) << "the first goes on to the end";
  finish(pending);
}

TEST_F(ParallelFillTest, AFailedSegmentIsRequestedInOrderAfterTheFirstTransfer) {
  const auto pending = widen();
  arrive(source.asked[0], 4 * mib);
  source.asked[1].fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(under_way(), 2U) << "the other segment goes on";
  EXPECT_EQ(last().request.offset, 6 * mib);
  EXPECT_EQ(last().request.end, 10 * mib);
  EXPECT_EQ(last().request.size, blob.size()) << "it is tried as patiently as a body that broke";
  last().head(blob.size());
  finish(pending);
}

TEST_F(ParallelFillTest, AFailedSegmentKeepsTheOtherSegments) {
  const auto pending = widen();
  interval(mib);
  interval(mib);
  ASSERT_EQ(under_way(), 4U);
  source.asked[2].fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(under_way(), 3U) << "the first ends before the segments that are still on their way";
  finish(pending);
  EXPECT_LE(delivered(), blob.size() + mib);
}

TEST_F(ParallelFillTest, AFailedSegmentBeforeAnAvailableRangeIsRequestedAgain) {
  expect_range(40 * mib, 40 * mib + grain);
  source.asked.clear();
  const auto pending = ask_blob(digest);
  ASSERT_EQ(last().request.end, 40 * mib);
  last().head(blob.size());
  executor.run();
  interval(mib);
  interval(mib);
  ASSERT_EQ(source.asked.size(), 2U);
  source.asked[1].fail(FailureKind::unavailable);
  executor.run();
  finish(pending);
  EXPECT_LE(delivered(), blob.size());
}

TEST_F(ParallelFillTest, AMismatchIsFollowedByOneTransferFromOneEndpoint) {
  spoil();
  source.asked.clear();
  const auto again = ask_blob(digest);
  EXPECT_TRUE(last().request.one_endpoint);
  last().head(blob.size());
  executor.run();
  for (int i = 0; i < 20; ++i) interval(mib);
  EXPECT_EQ(source.asked.size(), 1U);
  finish(again);
}

TEST_F(ParallelFillTest, IgnoredRangesEndTheParallelFetch) {
  const auto pending = widen();
  source.asked[1].sink->on_head({blob.size(), {}, {}, "endpoint", /*from_beginning=*/true});
  executor.run();
  for (int i = 0; i < 20; ++i) interval(mib);
  EXPECT_EQ(source.asked.size(), 2U);
  finish(pending);
}

TEST_F(ParallelFillTest, WrongBytesInASegmentAreFound) {
  const auto pending = spoil();
  EXPECT_FALSE(cache->find_blob(repo, digest));
  EXPECT_EQ(pending.answer().content->progress->state(), Progress::State::failed);
}

TEST_F(ParallelFillTest, ResumedSegmentsAreNotRequestedAgain) {
  widen();
  source.asked[1].head(blob.size());
  arrive(source.asked[1], 3 * mib);
  open();  // a new process
  executor.run();
  const auto before = source.asked.size();
  const auto pending = ask_blob(digest);
  ASSERT_EQ(source.asked.size(), before + 1);
  EXPECT_EQ(last().request.end, 6 * mib);
  last().head(blob.size());
  EXPECT_GE(work_of(last()).kept, 3 * mib);
  finish(pending);
}

TEST_F(ParallelFillTest, ALimitOfOneTransferIsKept) {
  reopen(1);
  const auto pending = ask_blob(digest);
  last().head(blob.size());
  executor.run();
  for (int i = 0; i < 30; ++i) interval(mib);
  EXPECT_EQ(source.asked.size(), 1U);
  finish(pending);
}

TEST_F(ParallelFillTest, ADistantRangeDoesNotWaitForTheSegments) {
  const auto pending = widen();
  const auto far = request_range(60 * mib, 60 * mib + 10);
  EXPECT_EQ(last().request.offset, 60 * mib);
  deliver_to(last());
  EXPECT_EQ(read_range(far, 60 * mib, 60 * mib + 10), blob.substr(60 * mib, 10));
  finish(pending);
}

TEST_F(ParallelFillTest, AfterAFailedWriteBeforeASegmentTheNextFillUsesOneTransfer) {
  const auto pending = widen();
  source.asked[1].head(blob.size());
  arrive(source.asked[1], mib);
  break_disk(*pending.answer().content->file);
  auto& in_order = source.asked[0];
  EXPECT_FALSE(in_order.data_at(in_order.sent, std::string_view(blob).substr(in_order.sent, mib)));
  in_order.done();
  executor.run();
  EXPECT_EQ(pending.answer().content->progress->state(), Progress::State::failed);
  ask_blob(digest);
  EXPECT_TRUE(last().request.one_endpoint);
}

}  // namespace
}  // namespace entrepot::cache
