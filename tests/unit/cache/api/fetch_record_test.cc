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
  log::UpstreamWork sum() const { return request.sum(std::chrono::steady_clock::now()); }

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

TEST_F(FetchRecordTest, EachClientOfTheWorkGetsAllOfIt) {
  WorkForRequest other;
  request.add(record);
  record->resumed();
  other.add(record);
  EXPECT_EQ(other.sum({}).resumes, 1U);
  EXPECT_EQ(sum().resumes, 1U);
}

TEST_F(FetchRecordTest, AddsUpWorkOfSeveralKindsAndEachOnce) {
  const auto fill = std::make_shared<FetchRecord>();
  record->delivers("a");
  record->resumed();
  fill->delivers("a");
  fill->delivers("b");
  fill->resumed();
  for (const auto& one : {record, fill, record}) request.add(one);
  EXPECT_EQ(sum().resumes, 2U);
  EXPECT_THAT(sum().endpoints, ElementsAre("a", "b"));
}

TEST_F(FetchRecordTest, IsBounded) {
  for (int i = 0; i < 100; ++i) {
    record->delivers(std::to_string(i));
    record->moved({"a", "b", MoveReason::slow});
  }
  request.add(record);
  for (int i = 0; i < 100; ++i) {
    const auto next = std::make_shared<FetchRecord>();
    next->resumed();
    request.add(next);
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
