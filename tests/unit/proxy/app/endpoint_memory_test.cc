// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/endpoint_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <string>

#include "proxy/app/status/reports_json.h"
#include "proxy/loop/store_pool.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using upstream::EndpointReport;
using upstream::Reports;

constexpr cache::WallTime now{hours(400'000)};

EndpointReport known() {
  EndpointReport report{.endpoint = "mirror.example", .region = "near"};
  report.connect = 0.25;
  report.first_byte = 0.5;
  report.rate = 1e6;
  report.answered_ago = 10;
  report.rate_ago = 20;
  report.limited = seconds(300);
  report.waits = {{"robot", seconds(300)}};
  return report;
}

class EndpointMemoryTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(file.parent_path()); }
  Scratch scratch;
  const std::filesystem::path file = scratch.path() / "memory" / "endpoints.json";
};

TEST_F(EndpointMemoryTest, KeepsReportsAndAgesThem) {
  save_reports(file, {{.name = "docker.io", .endpoints = {known(), {.endpoint = "other"}}}}, now);
  const auto loaded = load_reports(file, now + seconds(100));
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_EQ(loaded[0].name, "docker.io");
  ASSERT_EQ(loaded[0].endpoints.size(), 2U);
  const auto& first = loaded[0].endpoints[0];
  EXPECT_EQ(first.endpoint, "mirror.example");
  EXPECT_EQ(first.connect, 0.25);
  EXPECT_EQ(first.first_byte, 0.5);
  EXPECT_EQ(first.rate, 1e6);
  EXPECT_EQ(first.answered_ago, 110);
  EXPECT_EQ(first.rate_ago, 120);
  EXPECT_EQ(first.waits, (std::map<std::string, seconds>{{"robot", seconds(200)}}));
  EXPECT_EQ(loaded[0].endpoints[1].first_byte, std::nullopt);
  EXPECT_TRUE(load_reports(file, now + seconds(1000))[0].endpoints[0].waits.empty());
}

TEST_F(EndpointMemoryTest, IgnoresOldReports) {
  save_reports(file, {{.name = "docker.io", .endpoints = {known()}}}, now);
  EXPECT_TRUE(load_reports(file, now + hours(25)).empty());
  EXPECT_TRUE(load_reports(file, now - hours(1)).empty()) << "the clock was set back";
}

TEST_F(EndpointMemoryTest, ReadsAnInvalidFileAsEmpty) {
  EXPECT_TRUE(load_reports(file, now).empty());
  for (const char* text :
       {"", "{", "[]", "{}", R"({"saved_at":"x"})",
        R"({"saved_at":1440000000,"upstreams":[{"name":7}]})",
        R"({"saved_at":1440000000,"upstreams":[{"name":"a","endpoints":[{}]}]})"}) {
    std::ofstream(file) << text;
    EXPECT_TRUE(load_reports(file, now).empty()) << text;
  }
}

TEST_F(EndpointMemoryTest, IgnoresNumbersOutOfBounds) {
  for (const char* wild : {"1e300", "-1", "-1e300", "\"1\"", "99999999999999999999"}) {
    const std::string number = wild;
    std::ofstream(file) << R"({"saved_at":1440000000,"upstreams":[{"name":"a","endpoints":[{)"
                        << R"("endpoint":"e","connect_seconds":)" + number +
                               R"(,"first_byte_seconds":)" + number + R"(,"bytes_per_second":)" +
                               number + R"(,"measured_seconds_ago":)" + number +
                               R"(,"answered_seconds_ago":)" + number + R"(,"waits":{"u":)" +
                               number + "}}]}]}";
    const auto loaded = load_reports(file, now);
    ASSERT_EQ(loaded.size(), 1U) << wild;
    const auto& endpoint = loaded[0].endpoints.at(0);
    EXPECT_FALSE(endpoint.connect || endpoint.first_byte || endpoint.rate) << wild;
    EXPECT_FALSE(endpoint.rate_ago || endpoint.answered_ago) << wild;
    EXPECT_TRUE(endpoint.waits.empty()) << wild;
    std::ofstream(file) << R"({"saved_at":)" + number + R"(,"upstreams":[]})";
    EXPECT_TRUE(load_reports(file, now).empty()) << wild;
  }
}

TEST_F(EndpointMemoryTest, AFailedWriteKeepsThePreviousFile) {
  save_reports(file, {{.name = "before"}}, now);
  std::filesystem::create_symlink("/dev/full", file.string() + ".new");
  save_reports(file, {{.name = "after"}}, now);
  ASSERT_EQ(load_reports(file, now).size(), 1U);
  EXPECT_EQ(load_reports(file, now)[0].name, "before");
}

TEST_F(EndpointMemoryTest, SavesAndLoadsItsFile) {
  loop::Loop home("home");
  std::atomic<std::uint64_t> failures{0};
  loop::StorePool pool("pool", 1, metrics::Counter(&failures));
  const cache::SystemClock clock;
  EndpointMemory memory(file, clock, home, pool, [] { return std::nullopt; });
  EXPECT_TRUE(memory.load().empty());
  memory.start();
  memory.stop();
  memory.save({{.name = "docker.io", .endpoints = {known()}}});
  ASSERT_EQ(memory.load().size(), 1U);
  EXPECT_EQ(memory.load()[0].endpoints[0].first_byte, 0.5);
}

TEST(Merged, TheLatestReplyOfAnyLoopCounts) {
  EndpointReport early = known();
  EndpointReport late = known();
  late.answered_ago = 2;
  late.first_byte = 0.1;
  early.bodies = 3;
  late.limited = seconds(0);
  late.waits = {{"other", seconds(7)}};
  late.bodies = 4;
  EndpointReport never{.endpoint = "mirror.example"};
  for (const auto& order : {std::vector{early, late, never}, std::vector{never, late, early}}) {
    std::vector<Reports> by_loop;
    for (const auto& report : order)
      by_loop.push_back({{.name = "a", .transfers = 1, .queued = 2, .endpoints = {report}}});
    const auto all = merged(by_loop);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].transfers, 3U);
    EXPECT_EQ(all[0].queued, 6U);
    EXPECT_EQ(all[0].endpoints[0].first_byte, 0.1);
    EXPECT_EQ(all[0].endpoints[0].bodies, 7);
    EXPECT_EQ(all[0].endpoints[0].limited, seconds(300));
    EXPECT_EQ(all[0].endpoints[0].waits.size(), 2U);
  }
}

TEST(Merged, ARefusalOfAnyLoopAndTheLatestFailureCount) {
  EndpointReport one = known();
  one.refused = {{"robot", seconds(60)}};
  one.refused_accounts = 1;
  one.last_failure = upstream::FailureReport{.text = "older", .ago = seconds(9)};
  EndpointReport two = known();
  two.refused = {{"robot", seconds(70)}, {"other", seconds(1)}};
  two.refused_accounts = 2;
  two.last_failure = upstream::FailureReport{.text = "newer", .ago = seconds(3)};
  const EndpointReport three = known();
  for (const auto& order : {std::vector{one, two, three}, std::vector{three, two, one}}) {
    std::vector<Reports> by_loop;
    for (const auto& report : order) by_loop.push_back({{.name = "a", .endpoints = {report}}});
    const auto merged_report = merged(by_loop)[0].endpoints[0];
    EXPECT_EQ(merged_report.refused,
              (std::map<std::string, seconds>{{"other", seconds(1)}, {"robot", seconds(70)}}));
    EXPECT_EQ(merged_report.refused_accounts, 2U);
    EXPECT_EQ(merged_report.last_failure->text, "newer");
  }
}

TEST(ReportsJson, NamesRefusedAccounts) {
  EndpointReport report{.endpoint = "e"};
  report.accounts = 2;
  report.refused = {{"robot", seconds(5)}};
  report.refused_accounts = 1;
  const auto text = [&] { return reports_json({{.name = "a", .endpoints = {report}}}); };
  EXPECT_THAT(text(), HasSubstr(R"("state":"working")")) << "one is left";
  EXPECT_THAT(text(), HasSubstr(R"("denied_seconds":{"robot":5})"));
  report.refused_accounts = 2;
  EXPECT_THAT(text(), HasSubstr(R"("state":"denied")")) << "both have one user name";
  report.limited = seconds(60);
  EXPECT_THAT(text(), HasSubstr(R"("state":"denied")")) << "the limit of the anonymous user";
  report.down = true;
  EXPECT_THAT(text(), HasSubstr(R"("state":"down")"));
  report.down = false;
  report.refused.clear();
  report.refused_accounts = 0;
  EXPECT_THAT(text(), HasSubstr(R"("state":"rate-limited")"));
}

TEST(ReportsJson, NamesTheRefusalOfEverybody) {
  EndpointReport report{.endpoint = "e", .accounts = 1};
  const auto text = [&] { return reports_json({{.name = "a", .endpoints = {report}}}); };
  report.last_failure = upstream::FailureReport{.reason = metrics::EndpointFailure::denied};
  EXPECT_THAT(text(), HasSubstr(R"("state":"denied")"));
  report.last_failure->ago = seconds(300);
  EXPECT_THAT(text(), HasSubstr(R"("state":"working")"));
  report.last_failure->ago = seconds(0);
  report.last_failure->over = true;
  EXPECT_THAT(text(), HasSubstr(R"("state":"working")"));
}

TEST(ReportsJson, NamesTheLastError) {
  EndpointReport report{.endpoint = "e"};
  const auto text = [&] { return reports_json({{.name = "a", .endpoints = {report}}}); };
  EXPECT_THAT(text(), HasSubstr(R"("last_error":null)"));
  report.last_failure = upstream::FailureReport{.reason = metrics::EndpointFailure::tls,
                                                .text = "certificate has expired",
                                                .since = seconds(60),
                                                .ago = seconds(2)};
  EXPECT_THAT(text(), HasSubstr(R"("last_error":{"reason":"tls","text":"certificate has expired",)"
                                R"("since_seconds":60,"seconds_ago":2,"over":false})"));
}

TEST(ReportsJson, NamesTheState) {
  const auto state = [](const EndpointReport& report) {
    return reports_json({{.name = "a", .endpoints = {report}}});
  };
  EndpointReport report{.endpoint = "e"};
  EXPECT_THAT(state(report), HasSubstr(R"("state":"working")"));
  EXPECT_THAT(state(report), HasSubstr(R"("first_byte_seconds":null)"));
  report.suspect = true;
  EXPECT_THAT(state(report), HasSubstr(R"("state":"suspect")"));
  report.down = true;
  EXPECT_THAT(state(report), HasSubstr(R"("state":"down")"));
  report.limited = seconds(7);
  EXPECT_THAT(state(report), HasSubstr(R"("state":"rate-limited")"));
  EXPECT_THAT(state(report), HasSubstr(R"("limited_seconds":7)"));
}

}  // namespace
}  // namespace entrepot::app
