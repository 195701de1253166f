// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "metrics/log.h"
#include "proxy/admin/admin_guard.h"
#include "proxy/loop/loop.h"
#include "tests/fakes/exchange.h"
#include "tests/fakes/hand_executor.h"
#include "tests/unit/metrics/captured_stderr.h"

namespace entrepot::admin {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AdminHandlerTest : public testing::Test {
 protected:
  std::shared_ptr<fakes::Exchange> ask(const std::string& method, const std::string& target) {
    auto exchange = std::make_shared<fakes::Exchange>(method + " " + target +
                                                      " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    handler_.handle(exchange);
    EXPECT_TRUE(exchange->replied());
    EXPECT_EQ(exchange->seen().field("Cache-Control"), "no-store");
    return exchange;
  }

  std::string_view unready_;
  std::vector<std::function<void()>> work_;
  metrics::Metrics metrics_{{{"docker.io", {"registry-1.docker.io"}}}};
  AdminHandler handler_{
      {[this] { return unready_; }, [this] { metrics_.connections().set(7); },
       [](const ApiRequest& request) {
         return [path = std::string(request.path), query = std::string(request.query)] {
           if (path == "/api/v1/throws") throw std::runtime_error("no bread");
           return ApiAnswer{202, path + "?" + query, path == "/api/v1/pin" ? query : ""};
         };
       },
       [this](std::function<void()> job) {
         if (work_.size() == 2) return false;
         work_.push_back(std::move(job));
         return true;
       }},
      metrics_};
};

TEST_F(AdminHandlerTest, UpdatesMetricsFirst) {
  const auto exchange = ask("GET", "/metrics");
  EXPECT_EQ(exchange->seen().status, 200);
  EXPECT_THAT(exchange->seen().field("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(exchange->seen().body, HasSubstr("\nentrepot_connections 7\n"));
}

TEST_F(AdminHandlerTest, HealthyEvenWhileDraining) {
  unready_ = "draining";
  EXPECT_EQ(ask("GET", "/healthz")->seen().status, 200);
}

TEST_F(AdminHandlerTest, IsReadyUntilItDrains) {
  EXPECT_EQ(ask("GET", "/readyz")->seen().status, 200);
  unready_ = "draining";
  const auto exchange = ask("GET", "/readyz");
  EXPECT_EQ(exchange->seen().status, 503);
  EXPECT_EQ(exchange->seen().body, "draining\n");
}

TEST_F(AdminHandlerTest, TheQueryDoesNotMatter) {
  EXPECT_EQ(ask("GET", "/healthz?from=kubelet")->seen().status, 200);
}

TEST_F(AdminHandlerTest, HeadHasNoBody) {
  const auto exchange = ask("HEAD", "/readyz");
  EXPECT_EQ(exchange->seen().status, 200);
  EXPECT_EQ(exchange->seen().body, "");
  EXPECT_EQ(exchange->seen().content_length, 6U);
}

TEST_F(AdminHandlerTest, RefusesOtherPaths) {
  for (const auto* target : {"/", "/v2/", "/metrics/", "/Metrics"})
    EXPECT_EQ(ask("GET", target)->seen().status, 404) << target;
}

TEST_F(AdminHandlerTest, RefusesOtherMethods) {
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto exchange = ask(method, "/readyz");
    EXPECT_EQ(exchange->seen().status, 405) << method;
    EXPECT_EQ(exchange->seen().field("Allow"), "GET, HEAD");
  }
}

TEST_F(AdminHandlerTest, CallsTheCacheOnAnotherThread) {
  const auto exchange = std::make_shared<fakes::Exchange>(
      "DELETE /api/v1/cache/pins?pattern=x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  handler_.handle(exchange);
  EXPECT_FALSE(exchange->replied());
  EXPECT_EQ(work_.size(), 1U);
}

/// The log of a request.
std::string logged(AdminHandler& handler, std::vector<std::function<void()>>& work,
                   const std::string& request, const std::string& by) {
  const auto exchange = std::make_shared<fakes::Exchange>(request + " HTTP/1.1\r\nHost: a\r\n\r\n");
  AdminCall::of(*exchange).by = by;
  fakes::HandExecutor loop;
  exchange->live_on(loop);
  log::CapturedStderr captured;
  log::start({});
  handler.handle(exchange);
  work.back()();
  loop.run();
  log::stop();
  return captured.text();
}

TEST_F(AdminHandlerTest, AChangeHasALineWithItsClient) {
  EXPECT_THAT(logged(handler_, work_, "PUT /api/v1/pin?pinned%20x", "user alice, 10.0.0.7"),
              HasSubstr(" info  cache: pinned%20x, at the request of user alice, 10.0.0.7\n"));
  work_.clear();
  EXPECT_EQ(logged(handler_, work_, "PUT /api/v1/absent?x", "user alice, 10.0.0.7"), "");
}

TEST_F(AdminHandlerTest, AnswersAndCountsAnExceptionOfTheApi) {
  loop::Loop loop("admin");
  const auto exchange =
      std::make_shared<fakes::Exchange>("GET /api/v1/throws HTTP/1.1\r\nHost: localhost\r\n\r\n");
  exchange->live_on(loop);
  handler_.handle(exchange);
  ASSERT_EQ(work_.size(), 1U);
  work_.front()();
  loop.post([&loop] { loop.stop(); });
  loop.start();
  loop.join();
  EXPECT_EQ(exchange->seen().status, 500);
  EXPECT_THAT(metrics_.text(), HasSubstr("entrepot_job_failures_total{pool=\"admin\"} 1\n"));
}

TEST_F(AdminHandlerTest, BoundsWaitingJobs) {
  for (int i = 0; i < 2; ++i)
    handler_.handle(
        std::make_shared<fakes::Exchange>("GET /api/v1/cache HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_EQ(ask("GET", "/api/v1/cache")->seen().status, 503);
}

TEST_F(AdminHandlerTest, RefusalsAreJson) {
  EXPECT_EQ(handler_.refused(400, "two Host fields", {"192.0.2.7:1", {}}),
            "{\"error\":\"two Host fields\"}\n");
}

}  // namespace
}  // namespace entrepot::admin
