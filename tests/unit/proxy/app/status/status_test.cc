// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace entrepot::app {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using upstream::EndpointReport;
using upstream::FailureReport;
using Json = nlohmann::ordered_json;

EndpointReport endpoint(const std::string& name = "first.example") {
  EndpointReport report{.endpoint = name};
  report.accounts = 1;
  return report;
}

FailureReport failure(metrics::EndpointFailure reason, const std::string& text) {
  return {.reason = reason, .text = text, .since = seconds(300), .ago = seconds(3)};
}

EndpointReport down(const std::string& name = "first.example") {
  auto report = endpoint(name);
  report.down = true;
  report.last_failure = failure(metrics::EndpointFailure::connect, "Connection refused");
  return report;
}

/// A process with an upstream of these endpoints, and nothing wrong elsewhere.
Status status_of(std::vector<EndpointReport> endpoints) {
  Status status;
  status.uptime = seconds(100);
  status.listeners = {"127.0.0.1:5000"};
  status.admin = "127.0.0.1:5080";
  status.cache.max_size = 1000;
  status.cache.used = 10;
  status.cache.free = 100;
  status.cache.reserve = 50;
  status.cache.complete = true;
  status.upstreams = {{.name = "docker.io", .endpoints = std::move(endpoints)}};
  return status;
}

std::string line(const Problem& problem) {
  return std::string(metrics::to_string(problem.gravity)) + " " + problem.what + ": " +
         problem.text + (problem.since ? " " + std::to_string(problem.since->count()) : "");
}

std::vector<std::string> problems(const Status& status) {
  std::vector<std::string> lines;
  for (const auto& problem : problems_of(status)) lines.push_back(line(problem));
  return lines;
}

TEST(Status, AllIsWell) {
  const auto status = status_of({endpoint()});
  EXPECT_THAT(problems(status), IsEmpty());
  const auto json = Json::parse(status_json(status));
  EXPECT_EQ(json["well"], true);
  EXPECT_EQ(json["problems"], Json::array());
}

TEST(Status, TheOnlyEndpointIsDown) {
  EXPECT_THAT(
      problems(status_of({down()})),
      ElementsAre("fault docker.io: first.example: does not answer: Connection refused; check the "
                  "network, or add another endpoint 300"));
}

TEST(Status, AnEndpointWhoseAnswersFailIsAFaultIfNoOtherServes) {
  auto page = endpoint();
  page.last_failure = failure(metrics::EndpointFailure::bad_upstream, "an HTML page");
  EXPECT_THAT(problems(status_of({page})), IsEmpty()) << "one answer may be chance";
  page.last_failure->lasting = true;
  EXPECT_THAT(problems(status_of({page})),
              ElementsAre(StartsWith("fault docker.io: first.example: answers, but its answers "
                                     "fail: an HTML page; open the endpoint's url")));
  EXPECT_THAT(problems(status_of({page, endpoint("second.example")})),
              ElementsAre(StartsWith("warning docker.io: first.example: answers, but")));
  page.last_failure->over = true;
  EXPECT_THAT(problems(status_of({page})), IsEmpty());
}

TEST(Status, FewPullsAreLeft) {
  auto few = endpoint();
  few.remaining = upstream::PullsLeft{.count = 7, .few = true};
  EXPECT_THAT(
      problems(status_of({few})),
      ElementsAre(StartsWith("warning docker.io: first.example: grants only 7 more pulls")));
}

TEST(Status, HasTheLatestLinesOfTheLog) {
  auto status = status_of({endpoint()});
  status.lines = {{std::chrono::steady_clock::now() - seconds(90), true, "write failed", 2}};
  const auto line = Json::parse(status_json(status))["log"][0];
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["text"], "write failed");
  EXPECT_EQ(line["times"], 2);
  EXPECT_GE(line["seconds_ago"], 90);
}

TEST(Status, AnotherEndpointServes) {
  EXPECT_THAT(problems(status_of({down(), endpoint("second.example")})),
              ElementsAre(StartsWith("warning docker.io: first.example: does not answer")));
  EXPECT_EQ(Json::parse(status_json(status_of({down(), endpoint("b")})))["well"], true);
}

TEST(Status, NoEndpointServes) {
  auto limited = endpoint("second.example");
  limited.limited = seconds(90);
  EXPECT_THAT(problems(status_of({down(), limited})),
              ElementsAre(StartsWith("fault docker.io: first.example"),
                          "fault docker.io: second.example: limits the rate of requests (429), and "
                          "is asked again in 90 s; add an account or another endpoint"));
}

TEST(Status, ARefusedAccountIsAFaultWhereverElseTheContentComesFrom) {
  auto denied = endpoint();
  denied.refused = {{"robot", seconds(60)}};
  denied.last_failure = failure(metrics::EndpointFailure::denied, "401 for robot");
  EXPECT_THAT(
      problems(status_of({denied, endpoint("second.example")})),
      ElementsAre(HasSubstr("refuses every account, as \"robot\": 401 for robot; correct its "
                            "username or its password_file")));
  denied.refused.clear();
  EXPECT_THAT(problems(status_of({denied, endpoint("second.example")})),
              ElementsAre(HasSubstr("refuses everybody, or nothing shows whom: 401 for robot; run "
                                    "`entrepot check --online`")));
  denied.refused = {{"robot", seconds(60)}};
  denied.accounts = 2;
  denied.last_failure->reason = metrics::EndpointFailure::other;
  EXPECT_THAT(problems(status_of({denied, endpoint("second.example")})),
              ElementsAre(StartsWith("fault docker.io: first.example: refuses the account "
                                     "\"robot\": 401 for robot")));
}

TEST(Status, AnErrorThatIsOverIsNoCause) {
  auto suspect = endpoint();
  suspect.suspect = true;
  suspect.last_failure = failure(metrics::EndpointFailure::connect, "Connection refused");
  suspect.last_failure->over = true;
  EXPECT_THAT(problems(status_of({suspect})),
              ElementsAre("warning docker.io: first.example: has sent wrong bytes lately"));
}

struct Case {
  const char* name;
  std::function<void(Status&)> change;
  const char* expected;  ///< the beginning of its line
};

class StatusOfTheProcess : public testing::TestWithParam<Case> {};

TEST_P(StatusOfTheProcess, IsToldInALine) {
  auto status = status_of({endpoint()});
  GetParam().change(status);
  EXPECT_THAT(problems(status), ElementsAre(StartsWith(GetParam().expected)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, StatusOfTheProcess,
    testing::Values(Case{"Unready", [](Status& status) { status.unready = "draining"; },
                         "fault process: takes no clients: draining"},
                    Case{"Deaf", [](Status& status) { status.upstreams = std::nullopt; },
                         "fault process: its fetch loops do not answer"},
                    Case{"DiskErrors", [](Status& status) { status.hour.counts.disk_errors = 3; },
                         "fault cache: 3 operations in its directory failed in the last hour"},
                    Case{"NoRoom",
                         [](Status& status) {
                           status.cache.no_room = metrics::NoRoom::reserve_disk;
                           status.cache.reserve = 101;
                         },
                         "fault cache: nothing can be stored (reserve-disk)"},
                    Case{"Reserve", [](Status& status) { status.cache.reserve = 101; },
                         "warning cache: less than cache.reserve_free is free"},
                    Case{"Loading", [](Status& status) { status.cache.complete = false; },
                         "warning cache: its index is still being loaded"},
                    Case{"WrongBytes", [](Status& status) { status.hour.counts.mismatches = 1; },
                         "warning upstreams: 1 bodies with another digest"},
                    Case{"ChangedBytes", [](Status& status) { status.hour.counts.changed = 2; },
                         "warning cache: 2 stored objects had changed bytes in the last hour"},
                    Case{"DiskFull", [](Status& status) { status.hour.counts.disk_full = 4; },
                         "warning cache: its file system was full for 4 objects in the last hour"},
                    Case{"RefusedConfiguration",
                         [](Status& status) { status.refused_configuration = "listen: no"; },
                         "warning configuration: the changed one is not used since SIGHUP, and the "
                         "next start would fail: listen: no"}),
    [](const auto& one) { return one.param.name; });

TEST(Status, FaultsComeFirst) {
  auto status = status_of({down(), endpoint("second.example")});
  EXPECT_EQ(Json::parse(status_json(status))["well"], true) << "a warning";
  status.cache.complete = false;
  status.cache.no_room = metrics::NoRoom::max_size;
  EXPECT_THAT(problems(status), ElementsAre(StartsWith("fault cache"), StartsWith("warning docker"),
                                            StartsWith("warning cache")));
  EXPECT_EQ(Json::parse(status_json(status))["well"], false);
}

TEST(Status, AsJson) {
  auto status = status_of({endpoint()});
  status.connections = 4;
  status.cache.fills = 5;
  status.upstreams->front().transfers = 6;
  status.upstreams->front().queued = 7;
  status.upstreams->front().oldest = 8.5;
  status.upstreams->push_back(
      {.name = "quay.io", .transfers = 1, .queued = 1, .oldest = 2, .endpoints = {}});
  status.hour = {seconds(60), {.requests = 10, .hits = 9, .served_bytes = 5, .fetched_bytes = 3}};
  auto json = Json::parse(status_json(status));
  EXPECT_EQ(json["running"],
            Json::parse(R"({"connections":4,"flights":0.0,"fills":5,"transfers":7,"queued":8,
                            "oldest_transfer_seconds":8.5})"));
  EXPECT_EQ(json["last_hour"],
            Json::parse(R"({"seconds":60,"requests":10,"hits":9,"errors":0,"served_bytes":5,
                            "fetched_bytes":3,"saved_bytes":2,"disk_errors":0,
                            "digest_mismatches":0,"changed_objects":0,
                            "disk_full_objects":0})"));
  EXPECT_EQ(json["disk"], Json::parse(R"({"used_bytes":10,"max_bytes":1000,"free_bytes":100,
                            "reserve_bytes":50})"));
  EXPECT_EQ(json["last_request"], nullptr);
  status.last_request = {metrics::Engine::containerd, metrics::ClientNetwork::local, seconds(3)};
  EXPECT_EQ(Json::parse(status_json(status))["last_request"],
            Json::parse(R"({"seconds_ago":3,"engine":"containerd","network":"local"})"));
  EXPECT_EQ(json["listeners"], Json::parse(R"(["127.0.0.1:5000"])"));
  EXPECT_EQ(json["upstreams"].size(), 2U);
  status.hour.counts.fetched_bytes = 6;
  EXPECT_EQ(Json::parse(status_json(status))["last_hour"]["saved_bytes"], 0)
      << "more was fetched than served";
}

TEST(Status, TextsOfUpstreamsStayJson) {
  auto broken = down("\xff\"<b>\n");
  broken.last_failure->text = "\x1b[31m\xfe";
  const auto text = status_json(status_of({broken}));
  EXPECT_FALSE(Json::parse(text, nullptr, false).is_discarded()) << text;
}

}  // namespace
}  // namespace entrepot::app
