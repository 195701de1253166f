// SPDX-License-Identifier: Apache-2.0
// Ranges of blobs: requests to the upstream, bytes that are not requested again, and left files.
#include <fstream>
#include <optional>

#include "cache/upkeep/left_fills.h"
#include "tests/unit/cache/ranges_fixture.h"

namespace entrepot::cache {
namespace {

TEST_F(RangesTest, RequestsEachGrainOnce) {
  const auto first = request_range(10 * grain + 5, 10 * grain + 7);
  ASSERT_EQ(source.asked.size(), 1U);
  EXPECT_EQ(range_of(last()), (Span{10 * grain, 11 * grain}));
  const auto second = request_range(10 * grain + 9, 12 * grain);
  EXPECT_EQ(source.asked.size(), 1U) << "the size is not known yet";
  deliver_all();
  EXPECT_EQ(request_range(10 * grain, 10 * grain + 1).answer().outcome, Outcome::hit);
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(range_of(last()), (Span{11 * grain, 13 * grain})) << "and some more";
  EXPECT_EQ(first.answer().outcome, Outcome::miss);
  EXPECT_EQ(first.answer().content->size, blob.size());
  EXPECT_EQ(read_range(first, 10 * grain + 5, 10 * grain + 7), blob.substr(10 * grain + 5, 2));
  EXPECT_EQ(read_range(second, 10 * grain + 9, 12 * grain),
            blob.substr(10 * grain + 9, 2 * grain - 9));
  EXPECT_EQ(request_range(11 * grain, 12 * grain).answer().outcome, Outcome::hit);
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(RangesTest, ARequestForRequestedBytesJoins) {
  expect_range(0, 1);
  const auto first = request_range(20 * grain, 20 * grain + 1);
  const auto second = request_range(20 * grain, 20 * grain + 1);
  EXPECT_FALSE(first.answered() || second.answered()) << "the upstream may still refuse";
  last().head(blob.size());
  executor.run();
  EXPECT_EQ(first.answer().outcome, Outcome::miss);
  EXPECT_EQ(second.answer().outcome, Outcome::joined);
  EXPECT_EQ(request_range(30 * grain, 30 * grain + 1).answer().outcome, Outcome::miss)
      << "the upstream answers";
}

TEST_F(RangesTest, BoundsConcurrentTransfers) {
  expect_range(0, 1);
  std::vector<Span> spans;
  for (std::uint64_t at = 4 * grain; at < 44 * grain; at += 4 * grain)
    spans.push_back({at, at + 1});
  const auto before = source.asked.size();
  const auto pending = ask({.pieces = true, .first = spans[0], .in = [&](std::uint64_t) {
                              return std::optional(spans);
                            }});
  EXPECT_EQ(source.asked.size() - before, 4U);
  source.asked[before].done();  // it would be an error of the client's; here it makes room
  executor.run();
  EXPECT_EQ(source.asked.size() - before, 5U);
  deliver_all();
  EXPECT_EQ(source.asked.size() - before, spans.size());
}

TEST_F(RangesTest, ASequentialReaderGetsReadAhead) {
  expect_range(10 * grain, 11 * grain);
  expect_range(11 * grain, 12 * grain);
  EXPECT_EQ(range_of(last()), (Span{11 * grain, 13 * grain}));
  EXPECT_EQ(request_range(12 * grain, 13 * grain).answer().outcome, Outcome::hit);
  expect_range(13 * grain, 14 * grain);
  EXPECT_EQ(range_of(last()), (Span{13 * grain, 16 * grain}));
  expect_range(50 * grain, 51 * grain);
  EXPECT_EQ(range_of(last()), (Span{50 * grain, 51 * grain}))
      << "reading elsewhere has no read-ahead";
}

TEST_F(RangesTest, OnlyRangesReadTheUnprovenTail) {
  const auto tail = request_range(blob.size() - 10, blob.size());
  deliver_all();
  EXPECT_EQ(read_range(tail, blob.size() - 10, blob.size()), blob.substr(blob.size() - 10));
  const auto all = ask_blob(digest);
  ASSERT_TRUE(all.answered());
  const auto& content = *all.answer().content;
  EXPECT_EQ(content.progress->readable(blob.size() - 10, content.reach), blob.size() - 10);
}

TEST_F(RangesTest, ASuffixRangeRequestsTheSizeFirst) {
  const auto pending = ask({.pieces = true, .first = {}, .in = [](std::uint64_t size) {
                              return std::optional(std::vector{Span{size - 10, size}});
                            }});
  ASSERT_EQ(source.asked.size(), 1U);
  EXPECT_TRUE(last().request.head);
  deliver_all();
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(read_range(pending, blob.size() - 10, blob.size()), blob.substr(blob.size() - 10));
}

TEST_F(RangesTest, ARangeWaitsForItsOwnAnswerAfterTheSize) {
  const auto pending = ask({.pieces = true, .first = {}, .in = [](std::uint64_t size) {
                              return std::optional(std::vector{Span{size - 10, size}});
                            }});
  last().head(blob.size());
  executor.run();
  EXPECT_FALSE(pending.answered());
  last().fail(FailureKind::rate_limited);
  executor.run();
  EXPECT_EQ(pending.answer().failure.kind, FailureKind::rate_limited);
}

TEST_F(RangesTest, TheSizeAnswersARangeBeyondTheEnd) {
  const auto pending =
      ask({.pieces = true, .first = Span{1ULL << 40, (1ULL << 40) + 1}, .in = [](std::uint64_t) {
             return std::optional(std::vector<Span>{});
           }});
  last().fail(FailureKind::bad_upstream);
  executor.run();
  ASSERT_TRUE(last().request.head);
  last().head(blob.size());
  last().done();
  executor.run();
  ASSERT_TRUE(pending.answered());
  EXPECT_EQ(pending.answer().content->size, blob.size());
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(RangesTest, ARangeFarBeyondTheEndMakesOneShortTransfer) {
  const auto huge = ask(range(0, 1ULL << 62));
  EXPECT_EQ(source.asked.size(), 1U);
  EXPECT_LE(range_of(last()).length(), max_range);
  last().fail(FailureKind::not_found);
  executor.run();
  EXPECT_FALSE(huge.answer().content);
}

TEST_F(RangesTest, TheWholeBlobRequestsOnlyTheGapsAndIsProven) {
  expect_range(2 * grain, 3 * grain);
  expect_range(blob.size() - 1, blob.size());
  const auto all = ask_blob(digest);
  deliver_all();
  EXPECT_EQ(requested_bytes(), blob.size());
  EXPECT_TRUE(cache->find_blob(repo, digest));
  EXPECT_TRUE(read(*cache->find_blob(repo, digest)->content) == blob);
}

TEST_F(RangesTest, ARequestForTheWholeBlobJoinsTheFirstRange) {
  const auto part = request_range(0, 1);
  const auto all = ask_blob(digest);
  deliver_all();
  EXPECT_TRUE(read(*all.answer().content) == blob);
  EXPECT_EQ(read_range(part, 0, 1), blob.substr(0, 1));
}

TEST_F(RangesTest, AvailableHalfCausesTheFetchOfTheRest) {
  expect_range(0, 40 * grain);
  EXPECT_EQ(requested_bytes(), 40 * grain);
  expect_range(45 * grain, 60 * grain);
  EXPECT_TRUE(cache->find_blob(repo, digest));
  EXPECT_EQ(requested_bytes(), blob.size());
}

TEST_F(RangesTest, RangesStayAvailableAfterARestAndARestart) {
  expect_range(3 * grain, 5 * grain);
  executor.pass(std::chrono::seconds(9));
  EXPECT_NE(metrics.text().find("entrepot_flights 1"), std::string::npos) << "for further requests";
  executor.pass(std::chrono::seconds(2));
  EXPECT_EQ(metrics.text().find("entrepot_flights 1"), std::string::npos) << "the fill rests";
  const auto before = source.asked.size();
  EXPECT_EQ(request_range(3 * grain, 5 * grain).answer().outcome, Outcome::hit);
  executor.pass(std::chrono::seconds(11));
  open();
  executor.run();
  EXPECT_EQ(request_range(3 * grain, 5 * grain).answer().outcome, Outcome::hit);
  EXPECT_EQ(source.asked.size(), before);
  expect_range(20 * grain, 21 * grain);
  EXPECT_EQ(source.asked.size(), before + 1);
}

TEST_F(RangesTest, ARangeOfAnotherRepositoryNeedsAProofOfItsLink) {
  expect_range(0, 1);
  executor.pass(std::chrono::seconds(11));
  const auto before = source.asked.size();
  const auto stranger = ask(range(0, 1), other);
  EXPECT_FALSE(stranger.answered());
  ASSERT_EQ(source.asked.size(), before + 1);
  EXPECT_TRUE(last().request.head);
  EXPECT_EQ(last().request.repository, other.name);
  last().fail(FailureKind::not_found);
  executor.run();
  EXPECT_FALSE(stranger.answer().content);
}

TEST_F(RangesTest, TheWholeBlobOfAnotherRepositoryNeedsAProofOfItsLink) {
  expect_range(0, 1);
  const auto before = source.asked.size();
  const auto stranger = ask_blob(digest, other);
  EXPECT_FALSE(stranger.answered());
  ASSERT_EQ(source.asked.size(), before + 1);
  EXPECT_TRUE(last().request.head);
  EXPECT_EQ(last().request.repository, other.name);
}

TEST_F(RangesTest, AReaderKeepsTheFillFromResting) {
  expect_range(0, 1);  // whose answer is gone
  auto slow = std::make_optional(request_range(0, 1));
  executor.pass(std::chrono::seconds(25));
  EXPECT_NE(metrics.text().find("entrepot_flights 1"), std::string::npos);
  slow.reset();
  executor.pass(std::chrono::seconds(11));
  EXPECT_NE(metrics.text().find("entrepot_flights 0"), std::string::npos);
}

TEST_F(RangesTest, AHeadRequestsNoBytes) {
  expect_range(0, 1);
  const auto before = source.asked.size();
  const auto head = ask_blob(digest, repo, /*head=*/true);
  ASSERT_TRUE(head.answered());
  EXPECT_EQ(head.answer().content->size, blob.size());
  EXPECT_EQ(source.asked.size(), before);
}

TEST_F(RangesTest, SmallBlobsAreFetchedWhole) {
  const std::string small = pattern(700'000);
  const Pending pending;
  cache->fetch_blob(repo, sha256(small), false, executor, pending.callback(),
                    range(100'000, 100'001));
  executor.run();
  last().head(small.size());
  executor.run();
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_FALSE(last().request.end);
  last().answer(small);
  executor.run();
  EXPECT_EQ(to_string(pending.answer().reason), "range-whole");
  EXPECT_TRUE(cache->find_blob(repo, sha256(small)));
}

TEST_F(RangesTest, LeftFilesTellMissingBytesByTheirHoles) {
  expect_range(3 * grain, 5 * grain);
  expect_range(9 * grain, 9 * grain + 1);
  const Layout layout(options.directory);
  cache.reset();
  std::ofstream(layout.fills() / "sha256-none") << "of ours";
  const auto left = left_fills(layout);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].digest, digest);
  EXPECT_EQ(left[0].size, blob.size());
  EXPECT_EQ(left[0].extents.spans(), (std::map<std::uint64_t, std::uint64_t>{
                                         {3 * grain, 5 * grain}, {9 * grain, 10 * grain}}));
  EXPECT_FALSE(std::filesystem::exists(layout.fills() / "sha256-none"));
}

TEST_F(RangesTest, RepeatedRequestsOfSeveralClientsFetchTheWholeBlob) {
  expect_range(0, grain);
  expect_range(10 * grain, 11 * grain);
  const auto asked = source.asked.size();
  for (std::uint64_t client = 1; client < 3; ++client)
    EXPECT_EQ(request_range(0, grain, client).answer().outcome, Outcome::hit);
  for (std::uint64_t client = 0; client < 20; ++client)
    request_range(0, 2, client);  // whether it is still there
  EXPECT_EQ(source.asked.size(), asked);
  EXPECT_EQ(request_range(100, 100 + 4096, 3).answer().outcome, Outcome::hit);
  ASSERT_EQ(source.asked.size(), asked + 1);
  deliver_all();
  EXPECT_TRUE(cache->find_blob(repo, digest));
  EXPECT_EQ(requested_bytes(), blob.size()) << "each byte once";
}

TEST_F(RangesTest, RepeatedRequestsOfOneClientFetchOnlyTheRange) {
  expect_range(0, grain);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(request_range(0, grain, 1).answer().outcome, Outcome::hit);
    deliver_all();
  }
  EXPECT_FALSE(cache->find_blob(repo, digest));
  EXPECT_LE(requested_bytes(), 7 * grain) << "it is compared a few times";
  EXPECT_EQ(read_range(request_range(0, grain, 1), 0, grain), blob.substr(0, grain));
}

TEST_F(RangesTest, RepeatedRequestsOfOneClientFindWrongBytes) {
  const auto first = request_range(0, grain);
  auto& asked = last();
  asked.head(blob.size());
  executor.run();
  asked.data_at(0, "!" + blob.substr(1, grain - 1));
  asked.done();
  executor.run();
  for (int i = 0; i < 3; ++i) EXPECT_NE(read_range(request_range(0, grain), 0, grain)[0], blob[0]);
  ASSERT_EQ(range_of(last()), (Span{0, grain})) << "it is requested again, and differs";
  deliver_all();
  expect_range(0, grain);
  EXPECT_FALSE(cache->find_blob(repo, digest));
}

TEST_F(RangesTest, RepeatedRequestsOfSeveralClientsFindWrongBytes) {
  const auto first = request_range(0, grain);
  auto& asked = last();
  asked.head(blob.size());
  executor.run();
  asked.data_at(0, "!" + blob.substr(1, grain - 1));
  asked.done();
  executor.run();
  for (std::uint64_t client = 1; client <= 3; ++client) request_range(0, grain, client);
  deliver_all();
  EXPECT_EQ(source.mismatches, 1);
  expect_range(0, grain);
}

class ManyRangesTest : public RangesTest {
 protected:
  ManyRangesTest() : RangesTest(pattern(1000 * grain)) {}
};

TEST_F(ManyRangesTest, AThousandDistantRangesMakeFewTransfers) {
  expect_range(0, 1);
  std::vector<Span> spans;
  for (std::uint64_t at = 2 * grain; at < 400 * grain; at += 3 * grain)
    spans.push_back({at, at + 1});
  ASSERT_GT(spans.size(), 120U);
  const auto before = source.asked.size();
  const auto pending = ask({.pieces = true, .first = spans[0], .in = [&](std::uint64_t) {
                              return std::optional(spans);
                            }});
  deliver_all();
  // Joined ranges may be longer than one transfer.
  EXPECT_LE(source.asked.size() - before, 64 + blob.size() / max_range);
  for (const auto& span : spans)
    EXPECT_EQ(read_range(pending, span.begin, span.end), blob.substr(span.begin, 1));
}

}  // namespace
}  // namespace entrepot::cache
