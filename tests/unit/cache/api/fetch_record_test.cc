// SPDX-License-Identifier: Apache-2.0
#include "cache/api/fetch_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace entrepot::cache {
namespace {

using metrics::EndpointFailure;
using metrics::MoveReason;
using testing::ElementsAre;
using namespace std::chrono_literals;

class FetchRecordTest : public testing::Test {
 protected:
  log::UpstreamWork sum() const { return request.sum(std::chrono::steady_clock::now() + 1h); }

  const std::shared_ptr<FetchRecord> record = std::make_shared<FetchRecord>();
  WorkForRequest request;
};

TEST_F(FetchRecordTest, WithoutRecordsNothingHasHappened) {
  const auto work = sum();
  EXPECT_TRUE(work.endpoints.empty());
  EXPECT_EQ(work.stalls + work.resumes + work.moves + work.kept, 0U);
  EXPECT_EQ(work.transfers, 1U);
}

TEST_F(FetchRecordTest, TellsWhatHappensAfterTheRequestHasJoined) {
  request.add(record);
  record->kept(100);
  record->delivers("a");
  record->stalled(1s, true);
  record->stalled(1s, false);
  record->resumed();
  record->moved({"a", "b", MoveReason::failed, EndpointFailure::stall});
  record->delivers("b");
  record->delivers("a");
  record->transfers(4);
  record->transfers(2);
  const auto work = sum();
  EXPECT_THAT(work.endpoints, ElementsAre("a", "b"));
  EXPECT_EQ(work.kept, 100U);
  EXPECT_EQ(work.stalls, 1U);
  EXPECT_EQ(work.stalled, 2s);
  EXPECT_EQ(work.resumes, 1U);
  EXPECT_EQ(work.moves, 1U);
  ASSERT_EQ(work.first_moves.size(), 1U);
  EXPECT_EQ(work.first_moves[0].from, "a");
  EXPECT_EQ(work.first_moves[0].failure, EndpointFailure::stall);
  EXPECT_EQ(work.transfers, 4U);
}

TEST_F(FetchRecordTest, ALaterRequestGetsWhatHappensAfterItHasJoined) {
  const auto now = std::chrono::steady_clock::now();
  WorkForRequest other;
  request.add(record, now);
  record->kept(100);
  record->delivers("a");
  record->stalled(3s, true);
  record->resumed();
  record->moved({"a", "b", MoveReason::slow});
  other.add(record, now);
  const auto before = other.sum(now + 1h);
  EXPECT_EQ(before.kept + before.stalls + before.resumes + before.moves, 0U);
  EXPECT_EQ(before.stalled, 0s);
  EXPECT_TRUE(before.first_moves.empty());
  EXPECT_THAT(before.endpoints, ElementsAre("a"));
  record->stalled(1s, true);
  record->resumed();
  record->moved({"b", "c", MoveReason::slow});
  const auto after = other.sum(now + 1h);
  EXPECT_EQ(after.stalls, 1U);
  EXPECT_EQ(after.stalled, 1s);
  EXPECT_EQ(after.resumes, 1U);
  EXPECT_EQ(after.moves, 1U);
  ASSERT_EQ(after.first_moves.size(), 1U);
  EXPECT_EQ(after.first_moves[0].from, "b");
  EXPECT_EQ(sum().resumes, 2U);
  EXPECT_EQ(sum().stalled, 4s);
}

TEST_F(FetchRecordTest, NoWaitIsLongerThanTheRequest) {
  const FetchRecord::Wait wait(record);
  const auto joins = std::chrono::steady_clock::now() + 1h;
  request.add(record, joins);
  EXPECT_EQ(request.sum(joins + 1s).awaited, 1s) << "it had run for an hour";
  record->stalled(20s, true);
  EXPECT_EQ(request.sum(joins + 1s).stalled, 1s);
}

TEST_F(FetchRecordTest, APauseThatHasBegunBeforeIsOnePause) {
  record->stalled(1s, true);
  request.add(record);
  record->stalled(1s, false);
  EXPECT_EQ(sum().stalls, 1U);
  EXPECT_EQ(sum().stalled, 1s);
}

TEST_F(FetchRecordTest, AddsUpWorkOfSeveralKindsAndEachOnce) {
  const auto fill = std::make_shared<FetchRecord>();
  for (const auto& one : {record, fill, record}) request.add(one);
  record->delivers("a");
  record->resumed();
  fill->delivers("a");
  fill->delivers("b");
  fill->resumed();
  EXPECT_EQ(sum().resumes, 2U);
  EXPECT_THAT(sum().endpoints, ElementsAre("a", "b"));
}

TEST_F(FetchRecordTest, IsBounded) {
  request.add(record);
  for (int i = 0; i < 100; ++i) {
    record->delivers(std::to_string(i));
    record->moved({"a", "b", MoveReason::slow});
  }
  for (int i = 0; i < 100; ++i) {
    const auto next = std::make_shared<FetchRecord>();
    request.add(next);
    next->resumed();
  }
  EXPECT_LT(sum().resumes, 10U);
  EXPECT_LE(sum().endpoints.size(), FetchRecord::most_names);
  EXPECT_LE(sum().first_moves.size(), FetchRecord::most_names);
}

TEST_F(FetchRecordTest, AWaitCountsWhileItRuns) {
  request.add(record);
  FetchRecord::Wait wait(record);
  EXPECT_TRUE(wait.running());
  const auto later = std::chrono::steady_clock::now() + 1h;
  EXPECT_GE(request.sum(later).awaited, 1h);
  FetchRecord::Wait moved = std::move(wait);
  moved.end();
  const auto ended = request.sum(later).awaited;
  EXPECT_GT(ended, 0ns);
  EXPECT_LT(ended, 1h);
  EXPECT_EQ(request.sum(later + 1h).awaited, ended);
}

TEST_F(FetchRecordTest, TheWaitOfACancelledTransferEnds) {
  request.add(record);
  { const FetchRecord::Wait wait(record); }
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(request.sum(now + 1h).awaited, request.sum(now).awaited);
}

TEST_F(FetchRecordTest, WaitsAtOnceCountOnce) {
  request.add(record);
  FetchRecord::Wait one(record);
  FetchRecord::Wait other(record);
  const auto later = std::chrono::steady_clock::now() + 1h;
  EXPECT_LT(request.sum(later).awaited, 2h);
  one.end();
  EXPECT_GE(request.sum(later).awaited, 1h) << "the other one runs";
}

TEST_F(FetchRecordTest, ATransferNeedsNoRecord) {
  FetchRecord::Wait wait{nullptr};
  EXPECT_FALSE(wait.running());
  wait.end();
}

}  // namespace
}  // namespace entrepot::cache
