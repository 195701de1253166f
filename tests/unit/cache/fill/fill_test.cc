// SPDX-License-Identifier: Apache-2.0
// Fills: one transfer for all, the withheld tail, wrong bytes, what is kept.
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class FillTest : public CacheTest {
 protected:
  const std::string large = pattern(1'000'000);
  const std::string small = pattern(4096);
};

TEST_F(FillTest, ManyRequestsMakeOneTransfer) {
  std::vector<Pending> requests;
  for (int i = 0; i < 30; ++i) requests.push_back(ask_blob(sha256(large)));
  ASSERT_EQ(source.asked.size(), 1U);
  last().answer(large);
  executor.run();
  EXPECT_EQ(requests[0].answer().outcome, Outcome::miss);
  for (std::size_t i = 1; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].answer().outcome, Outcome::joined);
  }
  EXPECT_EQ(read(*requests[29].answer().content), large);
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(FillTest, EachRequestLearnsWhatHappensToTheTransfer) {
  const auto ask = [&] {
    Requester requester = executor;
    requester.work = std::make_shared<WorkForRequest>();
    cache->fetch_blob(repo, sha256(large), false, requester, [](const Answer&) {}, {});
    executor.run();
    return requester.work;
  };
  const auto first = ask();
  last().head(large.size());
  executor.run();
  last().request.record->resumed();
  const auto joined = ask();
  last().request.record->stalled(std::chrono::seconds(1), true);
  EXPECT_EQ(first->sum({}).resumes, 1U);
  EXPECT_EQ(joined->sum({}).resumes, 0U) << "it was before its time";
  for (const auto& work : {first, joined}) EXPECT_EQ(work->sum({}).stalls, 1U);
}

TEST_F(FillTest, LargeBodyIsReadableAsItArrivesButForTheTail) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  ASSERT_TRUE(request.answered());
  const auto content = request.answer().content;
  EXPECT_EQ(content->size, large.size());
  EXPECT_EQ(content->progress->readable(0, Progress::ReadPolicy::proven), 0U);

  last().data(std::string_view(large).substr(0, 303'104));
  executor.run();
  EXPECT_EQ(content->progress->readable(0, Progress::ReadPolicy::proven), 303'104U);

  last().data(std::string_view(large).substr(303'104));
  executor.run();
  EXPECT_EQ(content->progress->readable(0, Progress::ReadPolicy::proven),
            large.size() - options.tail);
  EXPECT_EQ(content->progress->state(), Progress::State::growing);

  last().done();
  executor.run();
  EXPECT_EQ(content->progress->state(), Progress::State::whole);
  EXPECT_EQ(read(*content), large);
}

TEST_F(FillTest, SmallBlobIsAnsweredBeforeTheIndexIsWritten) {
  const auto request = ask_blob(sha256(small));
  last().answer(small);
  ASSERT_TRUE(executor.run_one());
  EXPECT_TRUE(request.answered());
  executor.run();
}

TEST_F(FillTest, LateJoinerReadsFromTheFirstByte) {
  const auto first = ask_blob(sha256(large));
  last().head(large.size());
  last().data(std::string_view(large).substr(0, 500'000));
  executor.run();
  const auto late = ask_blob(sha256(large));
  ASSERT_TRUE(late.answered());
  EXPECT_EQ(late.answer().outcome, Outcome::joined);
  EXPECT_EQ(read(*late.answer().content), large.substr(0, 499'712)) << "in whole pages";
}

TEST_F(FillTest, ProvenContentIsAHitBeforeItIsOnDisk) {
  const auto first = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  last().data(large);
  last().done();
  const auto progress = first.answer().content->progress;
  while (progress->state() != Progress::State::whole) ASSERT_TRUE(executor.run_one());
  ASSERT_FALSE(cache->find_blob(repo, sha256(large)));
  EXPECT_EQ(ask_blob(sha256(large)).answer().outcome, Outcome::hit);
  executor.run();
  const auto listed = cache->admin().list({}, 1).objects;
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].hits, 1U) << "it was a use of what is stored now";
}

TEST_F(FillTest, WakesReadersOncePerTurn) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  int woken = 0;
  request.answer().content->progress->wait(0, Progress::ReadPolicy::proven, executor,
                                           [&] { ++woken; });
  for (std::size_t i = 0; i < 10; ++i) last().data(std::string_view(large).substr(i * 1000, 1000));
  EXPECT_EQ(woken, 0);
  executor.run();
  EXPECT_EQ(woken, 1);
}

TEST_F(FillTest, StoredBlobIsAHitFromMemory) {
  ask_blob(sha256(large));
  last().answer(large);
  executor.run();
  const auto found = cache->find_blob(repo, sha256(large));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->outcome, Outcome::hit);
  EXPECT_EQ(read(*found->content), large);
  EXPECT_EQ(found->content->progress, nullptr);
}

TEST_F(FillTest, SmallBlobIsHitFromMemoryAndSurvivesReopening) {
  const auto request = ask_blob(sha256(small));
  last().answer(small);
  executor.run();
  EXPECT_EQ(*request.answer().content->bytes, small);
  ASSERT_TRUE(cache->find_blob(repo, sha256(small)));
  open();
  EXPECT_FALSE(cache->find_blob(repo, sha256(small)));  // not in memory yet
  EXPECT_EQ(ask_blob(sha256(small)).answer().outcome, Outcome::hit);
  EXPECT_TRUE(cache->find_blob(repo, sha256(small)));
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(FillTest, BlobBetweenSmallAndTailIsKeptInAFile) {
  const auto middle = pattern(100'000);
  ask_blob(sha256(middle));
  last().answer(middle);
  executor.run();
  open();
  const auto again = ask_blob(sha256(middle));
  EXPECT_EQ(again.answer().outcome, Outcome::hit);
  EXPECT_NE(again.answer().content->file, nullptr);
  EXPECT_EQ(read(*again.answer().content), middle);
}

TEST_F(FillTest, LargeBlobSurvivesReopening) {
  ask_blob(sha256(large));
  last().answer(large);
  executor.run();
  open();
  EXPECT_EQ(read(*ask_blob(sha256(large)).answer().content), large);
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(FillTest, SmallWrongBodyIsRequestedAgainBeforeTheAnswer) {
  const auto request = ask_blob(sha256(small));
  auto wrong = small;
  wrong[10] ^= 1;
  last().answer(wrong);
  executor.run();
  EXPECT_FALSE(request.answered());
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(source.mismatches, 1);
  last().answer(small);
  executor.run();
  EXPECT_EQ(*request.answer().content->bytes, small);
}

TEST_F(FillTest, SmallBodyThatIsWrongTwiceFailsAndIsNotStored) {
  const auto request = ask_blob(sha256(small));
  for (int i = 0; i < 2; ++i) {
    last().answer(pattern(4096, 'x'));
    executor.run();
  }
  EXPECT_EQ(request.answer().content, nullptr);
  EXPECT_EQ(request.answer().failure.kind, FailureKind::bad_upstream);
  EXPECT_FALSE(cache->find_blob(repo, sha256(small)));
  ask_blob(sha256(small));
  EXPECT_EQ(source.asked.size(), 3U);
}

TEST_F(FillTest, LargeWrongBodyNeverReleasesItsTailAndTheNextRequestStartsOver) {
  const auto request = ask_blob(sha256(large));
  auto wrong = large;
  wrong[500'000] ^= 1;
  last().answer(wrong);
  executor.run();
  const auto progress = request.answer().content->progress;
  EXPECT_EQ(progress->state(), Progress::State::failed);
  EXPECT_EQ(progress->readable(0, Progress::ReadPolicy::proven), large.size() - options.tail);
  EXPECT_EQ(source.mismatches, 1);

  const auto next = ask_blob(sha256(large));
  ASSERT_EQ(source.asked.size(), 2U);
  last().answer(large);
  executor.run();
  EXPECT_EQ(read(*next.answer().content), large);
}

TEST_F(FillTest, FailureBeforeTheHeadAnswersAllRequests) {
  const auto one = ask_blob(sha256(large));
  const auto two = ask_blob(sha256(large));
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(one.answer().failure.kind, FailureKind::unavailable);
  EXPECT_EQ(two.answer().failure.kind, FailureKind::unavailable);
  ask_blob(sha256(large));
  EXPECT_EQ(source.asked.size(), 2U);  // no negative entry for what may work later
}

TEST_F(FillTest, FailureInTheMiddleCutsReadersAndLeavesNoFile) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  last().data(std::string_view(large).substr(0, 1000));
  executor.run();
  last().fail(FailureKind::unavailable);
  executor.run();
  EXPECT_EQ(request.answer().content->progress->state(), Progress::State::failed);
  EXPECT_TRUE(std::filesystem::is_empty(options.directory / "fills"));
}

TEST_F(FillTest, BodyShorterThanAnnouncedIsNotStored) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size() + 1);
  last().data(large);
  last().done();
  executor.run();
  EXPECT_EQ(request.answer().content->progress->state(), Progress::State::failed);
  EXPECT_FALSE(cache->find_blob(repo, sha256(large)));
}

TEST_F(FillTest, BodyLongerThanAnnouncedIsRefused) {
  ask_blob(sha256(large));
  last().head(large.size() - 1);
  EXPECT_FALSE(last().data(large));
}

TEST_F(FillTest, RepeatedBytesOfAResumeAreComparedAndTheRestTaken) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  last().data(std::string_view(large).substr(0, 400'000));
  EXPECT_TRUE(last().data_at(0, std::string_view(large).substr(0, 600'000)));
  EXPECT_TRUE(last().data_at(600'000, std::string_view(large).substr(600'000)));
  last().done();
  executor.run();
  EXPECT_EQ(read(*request.answer().content), large);
}

TEST_F(FillTest, OtherBytesAfterAResumeAreRefused) {
  ask_blob(sha256(large));
  last().head(large.size());
  last().data(std::string_view(large).substr(0, 400'000));
  auto other_bytes = large;
  other_bytes[5] ^= 1;
  EXPECT_FALSE(last().data_at(0, other_bytes));
}

TEST_F(FillTest, BodyOfUnknownSizeIsAnsweredWhenItIsComplete) {
  const auto request = ask_blob(sha256(large));
  last().head(std::nullopt);
  last().data(large);
  executor.run();
  EXPECT_FALSE(request.answered());
  last().done();
  executor.run();
  EXPECT_EQ(request.answer().content->size, large.size());
  EXPECT_EQ(read(*request.answer().content), large);
}

TEST_F(FillTest, HeadOfAnAbsentBlobRequestsAHeadAndStoresNothing) {
  const auto request = ask_blob(sha256(large), repo, /*head=*/true);
  ASSERT_TRUE(last().request.head);
  last().answer(large);
  executor.run();
  EXPECT_EQ(request.answer().content->size, large.size());
  EXPECT_EQ(source.asked.size(), 1U);
  EXPECT_FALSE(cache->find_blob(repo, sha256(large)));
}

TEST_F(FillTest, NotFoundIsRememberedForAWhile) {
  ask_blob(sha256(large));
  last().fail(FailureKind::not_found);
  executor.run();
  EXPECT_EQ(ask_blob(sha256(large)).answer().failure.kind, FailureKind::not_found);
  EXPECT_EQ(source.asked.size(), 1U);
  clock.advance(options.negative_blob);
  ask_blob(sha256(large));
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(FillTest, MissingFileIsFetchedAgain) {
  ask_blob(sha256(large));
  last().answer(large);
  executor.run();
  std::filesystem::remove_all(options.directory / "blobs");
  EXPECT_FALSE(cache->find_blob(repo, sha256(large)));
  const auto again = ask_blob(sha256(large));
  ASSERT_EQ(source.asked.size(), 2U);
  last().answer(large);
  executor.run();
  EXPECT_EQ(read(*again.answer().content), large);
  EXPECT_TRUE(cache->find_blob(repo, sha256(large)));
}

TEST_F(FillTest, ShortFileIsFetchedAgain) {
  ask_blob(sha256(large));
  last().answer(large);
  executor.run();
  const auto hex = sha256(large).hex();
  std::filesystem::resize_file(options.directory / "blobs/sha256" / hex.substr(0, 2) / hex, 10);
  ask_blob(sha256(large));
  EXPECT_EQ(source.asked.size(), 2U);
}

TEST_F(FillTest, StoppingFailsWaitersAndReaders) {
  const auto waiting = ask_blob(sha256(small));
  const auto reading = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  bool stopped = false;
  cache->stop(executor, [&] { stopped = true; });
  executor.run();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(waiting.answer().failure.kind, FailureKind::unavailable);
  EXPECT_EQ(reading.answer().content->progress->state(), Progress::State::failed);
  EXPECT_TRUE(source.asked[0].cancelled);
}

TEST_F(FillTest, Sha512IsProvenByItsOwnAlgorithm) {
  const auto digest = digest_of(Algorithm::sha512, large);
  const auto request = ask_blob(digest);
  last().answer(large);
  executor.run();
  EXPECT_EQ(request.answer().content->progress->state(), Progress::State::whole);
  EXPECT_FALSE(cache->find_blob(repo, sha256(large)));  // the same bytes under another name
  EXPECT_TRUE(cache->find_blob(repo, digest));
}

}  // namespace
}  // namespace entrepot::cache
