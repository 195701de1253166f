// SPDX-License-Identifier: Apache-2.0
#include "metrics/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
