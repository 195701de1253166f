// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace entrepot::registry {
namespace {

using cache::FailureKind;

TEST(ErrorBody, MatchesTheSpecification) {
  EXPECT_EQ(error_body(ErrorCode::blob_unknown, "gone"),
            R"({"errors":[{"code":"BLOB_UNKNOWN","message":"gone"}]})");
}

TEST(ErrorBody, IsValidForAnyMessage) {
  std::string message;
  for (int c = 0; c < 256; ++c) message.push_back(static_cast<char>(c));
  const auto document = nlohmann::json::parse(error_body(ErrorCode::unknown, message));
  const std::string text = document["errors"][0]["message"];
  EXPECT_NE(text.find("\"#$"), std::string::npos);
  EXPECT_EQ(error_body(ErrorCode::unknown, message).find('\n'), std::string::npos);
  EXPECT_LT(error_body(ErrorCode::unknown, std::string(100000, 'x')).size(), 2000u);
}

TEST(ErrorBody, CodesAreUpperCaseAndDistinct) {
  std::set<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(ErrorCode::unsupported); ++i) {
    const std::string_view code = to_string(static_cast<ErrorCode>(i));
    EXPECT_EQ(code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string_view::npos);
    EXPECT_TRUE(seen.insert(code).second) << code;
  }
}

TEST(ErrorFor, MapsEachKindOfFailure) {
  const struct {
    FailureKind kind;
    Resource resource;
    bool docker_hub;
    int status;
    ErrorCode code;
  } cases[] = {
      {FailureKind::not_found, Resource::manifest, true, 404, ErrorCode::manifest_unknown},
      {FailureKind::not_found, Resource::blob, false, 404, ErrorCode::blob_unknown},
      {FailureKind::not_found, Resource::tags, false, 404, ErrorCode::name_unknown},
      {FailureKind::denied, Resource::manifest, true, 404, ErrorCode::name_unknown},
      {FailureKind::denied, Resource::manifest, false, 403, ErrorCode::denied},
      {FailureKind::denied, Resource::blob, false, 403, ErrorCode::denied},
      {FailureKind::rate_limited, Resource::manifest, true, 503, ErrorCode::unavailable},
      {FailureKind::unavailable, Resource::blob, false, 503, ErrorCode::unavailable},
      {FailureKind::bad_upstream, Resource::blob, false, 502, ErrorCode::unknown},
      {FailureKind::store, Resource::blob, false, 503, ErrorCode::unavailable},
  };
  for (const auto& expected : cases) {
    const cache::Failure failure{expected.kind, "why", 0};
    const Error error = error_for(failure, expected.resource, expected.docker_hub);
    SCOPED_TRACE("kind " + std::to_string(static_cast<int>(expected.kind)));
    EXPECT_EQ(error.status, expected.status);
    EXPECT_EQ(error.code, expected.code);
    EXPECT_FALSE(error.message.empty());
  }
}

TEST(ErrorFor, PassesOnTheReasonOfTheRegistry) {
  const auto status = [](FailureKind kind, int code, std::string reason, bool docker_hub) {
    cache::Failure failure{kind, "why", code};
    failure.reason = std::move(reason);
    return error_for(failure, Resource::manifest, docker_hub).status;
  };
  EXPECT_EQ(status(FailureKind::denied, 412, "policy", false), 412);
  EXPECT_EQ(status(FailureKind::denied, 412, "", true), 412)
      << "Docker Hub uses another status for absent repositories";
  EXPECT_EQ(status(FailureKind::denied, 403, "policy", true), 403);
  EXPECT_EQ(status(FailureKind::denied, 403, "", true), 404);
  EXPECT_EQ(status(FailureKind::denied, 401, "", false), 403);
  EXPECT_EQ(status(FailureKind::bad_upstream, 400, "bad name", false), 400);
  EXPECT_EQ(status(FailureKind::bad_upstream, 407, "log in there", false), 403);
  EXPECT_EQ(status(FailureKind::bad_upstream, 400, "", false), 502);
}

TEST(ErrorFor, ReportsALoopOfMirrors) {
  const cache::Failure failure{FailureKind::bad_upstream, "why", 508};
  EXPECT_EQ(error_for(failure, Resource::blob, false).status, 508);
}

TEST(ErrorFor, RetryAfter) {
  using std::chrono::seconds;
  const auto wait = [](FailureKind kind, seconds asked) {
    const cache::Failure failure{kind, "why", 429, asked};
    return error_for(failure, Resource::blob, false).retry_after;
  };
  EXPECT_EQ(wait(FailureKind::rate_limited, seconds(7)), seconds(7));
  EXPECT_GT(wait(FailureKind::rate_limited, seconds(0)), seconds(0))
      << "Retry-After is always present";
  EXPECT_EQ(wait(FailureKind::rate_limited, seconds(1000000000)), seconds(600));
  EXPECT_GT(wait(FailureKind::rate_limited, seconds(-5)), seconds(0));
  EXPECT_EQ(wait(FailureKind::unavailable, seconds(7)), seconds(7));
  EXPECT_GT(wait(FailureKind::unavailable, seconds(0)), seconds(0)) << "the first failure too";
  EXPECT_GT(wait(FailureKind::store, seconds(0)), seconds(0));
}

TEST(CodeForRefusal, MapsTheStatusesOfTheServer) {
  EXPECT_EQ(code_for_refusal(405), ErrorCode::unsupported);
  EXPECT_EQ(code_for_refusal(501), ErrorCode::unsupported);
  EXPECT_EQ(code_for_refusal(413), ErrorCode::size_invalid);
  EXPECT_EQ(code_for_refusal(503), ErrorCode::unavailable);
  EXPECT_EQ(code_for_refusal(429), ErrorCode::too_many_requests);
  EXPECT_EQ(code_for_refusal(400), ErrorCode::unknown);
}

}  // namespace
}  // namespace entrepot::registry
