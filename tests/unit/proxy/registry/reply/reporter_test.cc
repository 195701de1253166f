// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/log.h"
#include "tests/fakes/exchange.h"
#include "tests/unit/metrics/captured_stderr.h"

namespace entrepot::registry {
namespace {

using metrics::AnswerReason;
using metrics::Outcome;
using testing::HasSubstr;
using testing::Not;

/// Reports the end of one exchange without upstream.
class ReporterTest : public testing::Test {
 protected:
  std::string log_line() {
    log::CapturedStderr captured;
    log::start({});
    Reporter(log::AccessLog(true), metrics_).finished(exchange_, call_, stats());
    log::stop();
    return captured.text();
  }
  std::string counted() {
    Reporter(log::AccessLog(false), metrics_).finished(exchange_, call_, stats());
    return metrics_.text();
  }

  http::ReplyStats stats() const {
    http::ReplyStats stats = slow_;
    stats.status = 404;
    if (stats.finished == http::ReplyStats().finished) stats.finished += std::chrono::hours(1);
    return stats;
  }

  http::ReplyStats slow_;

  metrics::Metrics metrics_{std::vector<metrics::UpstreamLabels>()};
  fakes::Exchange exchange_{"GET /v2/ HTTP/1.1\r\nHost: mirror:5000\r\n\r\n"};
  Call call_;
};

TEST_F(ReporterTest, LogsTheReasonOfAnAnswer) {
  call_.outcome = Outcome::error;
  call_.reason = AnswerReason::upstream_unreachable;
  EXPECT_THAT(log_line(), HasSubstr(" 404 error upstream-unreachable - "));
}

TEST_F(ReporterTest, LogsTheReasonOfARefusal) {
  call_.reason = AnswerReason::client_left;  // as before the answer
  call_.outcome = Outcome::refused;
  call_.refusal = RefusalReason::client_misses;
  EXPECT_THAT(log_line(), HasSubstr(" 404 refused client-misses - "));
}

TEST_F(ReporterTest, ExplainsASlowExchange) {
  call_.work = std::make_shared<cache::WorkForRequest>();
  const auto record = std::make_shared<cache::FetchRecord>();
  call_.work->add(record);
  record->delivers("a.example");
  record->resumed();
  slow_.finished = std::chrono::steady_clock::now();
  slow_.started = slow_.finished - std::chrono::seconds(9);
  slow_.waits.client = std::chrono::seconds(8);
  call_.login_wait.length = std::chrono::seconds(1);
  EXPECT_THAT(
      log_line(),
      HasSubstr(" login_ms=1000.000 endpoints=\"a.example\" resumes=1 client_ms=8000.000\n"));
}

TEST_F(ReporterTest, LogsTheFirstRequestOfADayFromANetwork) {
  const auto upstream = std::make_shared<const Upstream>(
      Upstream{"docker.io", true, false, metrics_.upstream("docker.io"), nullptr, 0});
  const std::string line =
      "the first request since the start, or of this day (UTC), from the network ";
  call_.upstream = upstream;
  call_.outcome = Outcome::refused;
  EXPECT_THAT(log_line(), Not(HasSubstr(line))) << "no use of the mirror";
  call_.outcome = Outcome::hit;
  EXPECT_THAT(log_line(), HasSubstr(line + "unknown: by "));
  EXPECT_THAT(log_line(), Not(HasSubstr(line)));
}

TEST_F(ReporterTest, CountsTheReasonOfAnAnswer) {
  call_.outcome = Outcome::bypass;
  call_.reason = AnswerReason::other_upstream;
  EXPECT_THAT(counted(), HasSubstr(R"(not_hit_total{upstream="none",reason="other-upstream"} 1)"));
}

TEST_F(ReporterTest, CountsAnAnswerWithoutReasonAsOther) {
  call_.outcome = Outcome::error;
  EXPECT_THAT(log_line(), HasSubstr(" 404 error - - "));
  EXPECT_THAT(metrics_.text(), HasSubstr(R"(not_hit_total{upstream="none",reason="other"} 1)"));
}

}  // namespace
}  // namespace entrepot::registry
