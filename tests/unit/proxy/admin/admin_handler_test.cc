// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/exchange.h"

namespace entrepot::admin {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AdminHandlerTest : public testing::Test {
 protected:
  std::shared_ptr<fakes::Exchange> ask(const std::string& method, const std::string& target) {
    auto exchange =
        std::make_shared<fakes::Exchange>(method + " " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    handler_.handle(exchange);
    EXPECT_TRUE(exchange->replied());
    EXPECT_EQ(exchange->seen().field("Cache-Control"), "no-store");
    return exchange;
  }

  std::string_view unready_;
  std::vector<std::function<void()>> work_;
  metrics::Metrics metrics_{{{"docker.io", {"registry-1.docker.io"}}}};
  AdminHandler handler_{{[this] { return unready_; }, [this] { metrics_.connections().set(7); },
                         [](http::Method, std::string_view path, std::string_view query) {
                           return ApiAnswer{202, std::string(path) + "?" + std::string(query)};
                         },
                         [this](std::function<void()> job) { work_.push_back(std::move(job)); }},
                        metrics_};
};

TEST_F(AdminHandlerTest, MetricsAreBroughtUpToDateFirst) {
  const auto exchange = ask("GET", "/metrics");
  EXPECT_EQ(exchange->seen().status, 200);
  EXPECT_THAT(exchange->seen().field("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(exchange->seen().body, HasSubstr("\nentrepot_connections 7\n"));
}

TEST_F(AdminHandlerTest, HealthyEvenWhileDraining) {
  unready_ = "draining";
  EXPECT_EQ(ask("GET", "/healthz")->seen().status, 200);
}

TEST_F(AdminHandlerTest, ReadyUntilToldOtherwise) {
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

TEST_F(AdminHandlerTest, NothingElse) {
  for (const auto* target : {"/", "/v2/", "/metrics/", "/Metrics"})
    EXPECT_EQ(ask("GET", target)->seen().status, 404) << target;
}

TEST_F(AdminHandlerTest, ReadingOnly) {
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto exchange = ask(method, "/readyz");
    EXPECT_EQ(exchange->seen().status, 405) << method;
    EXPECT_EQ(exchange->seen().field("Allow"), "GET, HEAD");
  }
}

TEST_F(AdminHandlerTest, TheCacheIsAskedElsewhereThanOnTheLoop) {
  const auto exchange = std::make_shared<fakes::Exchange>(
      "DELETE /api/v1/cache/pins?pattern=x HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.handle(exchange);
  EXPECT_FALSE(exchange->replied());
  EXPECT_EQ(work_.size(), 1U);
}

TEST_F(AdminHandlerTest, ABrowserCannotChangeTheCache) {
  const auto exchange = std::make_shared<fakes::Exchange>(
      "POST /api/v1/cache/verify HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\n\r\n");
  handler_.handle(exchange);
  EXPECT_EQ(exchange->seen().status, 403);
  EXPECT_TRUE(work_.empty());
}

TEST_F(AdminHandlerTest, RefusalsAreJson) {
  EXPECT_EQ(handler_.refused(400, "two Host fields", "192.0.2.7:1"),
            "{\"error\":\"two Host fields\"}\n");
}

}  // namespace
}  // namespace entrepot::admin
