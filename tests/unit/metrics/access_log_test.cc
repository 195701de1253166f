// SPDX-License-Identifier: Apache-2.0
#include "metrics/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "metrics/log.h"
#include "tests/unit/metrics/captured_stderr.h"

namespace entrepot::log {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

AccessLine sample() {
  AccessLine line;
  line.client = "10.0.0.7:51234";
  line.method = "GET";
  line.path = "/v2/library/alpine/manifests/3.20";
  line.status = 200;
  line.outcome = metrics::Outcome::joined;
  line.reason = "absent";
  line.upstream = "docker.io";
  line.kind = metrics::Kind::manifest;
  line.bytes = 1234;
  line.duration = 2500us;
  line.first_byte = 81us;
  return line;
}

std::string written(const AccessLine& line, bool json, std::string level = "info") {
  CapturedStderr captured;
  start({.level = std::move(level), .json = json});
  AccessLog(true).write(line);
  stop();
  return captured.text();
}

TEST(AccessLog, Text) {
  EXPECT_THAT(written(sample(), false),
              HasSubstr("Z info  access 10.0.0.7:51234 \"GET /v2/library/alpine/manifests/3.20\" "
                        "200 joined absent docker.io manifest bytes=1234 ms=2.500 "
                        "first_ms=0.081\n"));
}

TEST(AccessLog, Json) {
  EXPECT_THAT(written(sample(), true),
              HasSubstr("\"level\":\"info\",\"access\":{\"client\":\"10.0.0.7:51234\","
                        "\"method\":\"GET\",\"path\":\"/v2/library/alpine/manifests/3.20\","
                        "\"outcome\":\"joined\",\"reason\":\"absent\",\"upstream\":\"docker.io\","
                        "\"kind\":\"manifest\",\"status\":200,\"bytes\":1234,\"ms\":2.500,"
                        "\"first_ms\":0.081,\"complete\":true}}\n"));
}

TEST(AccessLog, ContainsTheErrorMessage) {
  AccessLine line = sample();
  line.error = "ghcr.io: GET \"x\": timed out";
  EXPECT_THAT(written(line, false),
              HasSubstr("first_ms=0.081 error=\"ghcr.io: GET \\\"x\\\": timed out\"\n"));
  EXPECT_THAT(written(line, true),
              HasSubstr("\"complete\":true,\"error\":\"ghcr.io: GET \\\"x\\\": timed out\"}}\n"));
}

TEST(AccessLog, NamesTheProxyOfTheClient) {
  AccessLine line = sample();
  line.via = "10.0.0.9:40312";
  EXPECT_THAT(written(line, false), HasSubstr("first_ms=0.081 via=10.0.0.9:40312\n"));
  EXPECT_THAT(written(line, true),
              HasSubstr("\"client\":\"10.0.0.7:51234\",\"via\":\"10.0.0.9:40312\",\"method\""));
}

TEST(AccessLog, EmptyFieldsAreDashesAndBlanksStayInQuotes) {
  AccessLine line;
  line.path = "/v2/a\" 200 hit\nb";
  line.status = 404;
  line.outcome = metrics::Outcome::refused;
  line.complete = false;
  EXPECT_THAT(written(line, false),
              HasSubstr("access - \"- /v2/a\\\" 200 hit\\u000ab\" 404 refused - - other bytes=0 "
                        "ms=0.000 first_ms=0.000 cut\n"));
}

UpstreamWork odd_work() {
  UpstreamWork work;
  work.endpoints = {"a.example", "b\"c"};
  work.kept = 4096;
  work.queued = 1s;
  work.awaited = 99ms;
  work.stalls = 1;
  work.stalled = 20s;
  work.resumes = 2;
  work.moves = 5;
  work.first_moves = {
      {"a.example", "b\"c", metrics::MoveReason::failed, metrics::EndpointFailure::stall},
      {"b\"c", "a.example", metrics::MoveReason::slow}};
  work.transfers = 8;
  return work;
}

TEST(AccessLog, ExplainsAnOddExchangeBeforeItsError) {
  const UpstreamWork work = odd_work();
  AccessLine line = sample();
  line.user = "alice";
  line.error = "broken";
  line.work = &work;
  line.login_wait = 500ms;
  line.waits = {.client = 100ms, .pace = 200ms, .disk = 300ms, .upstream = 400ms};
  EXPECT_THAT(
      written(line, false),
      HasSubstr(
          "first_ms=0.081 user=\"alice\" login_ms=500.000 endpoints=\"a.example,b\\\"c\" kept=4096 "
          "queue_ms=1000.000 body_ms=400.000 stalls=1 stalled_ms=20000.000 resumes=2 moves=5 "
          "moved=\"a.example>b\\\"c stall,b\\\"c>a.example slow\" transfers=8 "
          "disk_ms=300.000 pace_ms=200.000 client_ms=100.000 error=\"broken\"\n"));
  EXPECT_THAT(
      written(line, true),
      HasSubstr(
          "\"complete\":true,\"login_ms\":500.000,\"endpoints\":[\"a.example\",\"b\\\"c\"],"
          "\"kept\":4096,"
          "\"queue_ms\":1000.000,\"body_ms\":400.000,\"stalls\":1,\"stalled_ms\":20000.000,"
          "\"resumes\":2,\"moves\":5,\"moved\":[{\"from\":\"a.example\",\"to\":\"b\\\"c\","
          "\"reason\":\"stall\"},{\"from\":\"b\\\"c\",\"to\":\"a.example\",\"reason\":\"slow\"}],"
          "\"transfers\":8,\"disk_ms\":300.000,\"pace_ms\":200.000,\"client_ms\":100.000,"
          "\"error\":\"broken\"}}\n"));
}

TEST(AccessLog, ExplainsASlowExchange) {
  UpstreamWork work;
  work.endpoints = {"a.example"};
  work.awaited = 900ms;
  AccessLine line = sample();
  line.work = &work;
  line.waits.client = 50ms;
  line.duration = 999ms;
  EXPECT_THAT(written(line, false), HasSubstr("first_ms=0.081\n")) << "neither slow nor odd";
  line.duration = 1000ms;
  EXPECT_THAT(written(line, false), HasSubstr(" endpoints=\"a.example\" head_ms=900.000\n"));
}

TEST(AccessLog, ExplainsASlowHit) {
  AccessLine line = sample();
  line.duration = 30s;
  line.waits.client = 29s;
  EXPECT_THAT(written(line, false), HasSubstr("first_ms=0.081 client_ms=29000.000\n"));
}

TEST(AccessLog, EachKindOfOddWorkIsExplained) {
  const auto with = [](auto member) {
    UpstreamWork work;
    work.*member = 2;
    return work;
  };
  const std::pair<UpstreamWork, const char*> cases[] = {
      {with(&UpstreamWork::kept), " kept=2\n"},
      {with(&UpstreamWork::stalls), " stalls=2 stalled_ms=0.000\n"},
      {with(&UpstreamWork::resumes), " resumes=2\n"},
      {with(&UpstreamWork::moves), " moves=2\n"},
      {with(&UpstreamWork::transfers), " transfers=2\n"}};
  for (const auto& [work, fields] : cases) {
    AccessLine line = sample();
    line.outcome = metrics::Outcome::miss;
    line.work = &work;
    EXPECT_THAT(written(line, false), HasSubstr(std::string("first_ms=0.081") + fields));
  }
}

TEST(AccessLog, AFastClientOfAParallelFetchHasNoFields) {
  UpstreamWork work;
  work.endpoints = {"a.example"};
  work.transfers = 4;
  AccessLine line = sample();
  line.work = &work;
  EXPECT_THAT(written(line, false), HasSubstr("first_ms=0.081\n"));
  line.duration = 1s;
  EXPECT_THAT(written(line, false), HasSubstr(" endpoints=\"a.example\" transfers=4\n"));
}

TEST(AccessLog, LongNamesAreCut) {
  UpstreamWork work;
  work.resumes = 1;
  work.endpoints = {std::string(10'000, 'x')};
  AccessLine line = sample();
  line.work = &work;
  const std::string text = written(line, false);
  EXPECT_LT(text.size(), 600U);
  EXPECT_THAT(text, HasSubstr("xxx\" resumes=1\n"));
}

TEST(AccessLog, DoesNotDependOnTheLevelOfMessages) {
  EXPECT_THAT(written(sample(), false, "error"), HasSubstr("access 10.0.0.7:51234"));
}

TEST(AccessLog, CanBeSwitchedOff) {
  CapturedStderr captured;
  AccessLog(false).write(sample());
  EXPECT_EQ(captured.text(), "");
}

}  // namespace
}  // namespace entrepot::log
