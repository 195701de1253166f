// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/upstream/refusal/refusal_reason.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(Failures, StatusDecidesTheKind) {
  const std::pair<int, FailureKind> cases[] = {
      {404, FailureKind::not_found},    {410, FailureKind::not_found},
      {401, FailureKind::denied},       {403, FailureKind::denied},
      {451, FailureKind::denied},       {429, FailureKind::rate_limited},
      {408, FailureKind::unavailable},  {500, FailureKind::unavailable},
      {503, FailureKind::unavailable},  {400, FailureKind::bad_upstream},
      {302, FailureKind::bad_upstream}, {418, FailureKind::bad_upstream},
      {402, FailureKind::denied},       {412, FailureKind::denied}};
  for (const auto& [status, kind] : cases) {
    ResponseHead head;
    head.status = status;
    head.retry_after = "5";
    const auto failure = status_failure("here", head, {});
    EXPECT_EQ(failure.kind, kind) << status;
    EXPECT_EQ(failure.status, status);
    EXPECT_EQ(failure.retry_after, seconds(5));
    EXPECT_THAT(failure.message, HasSubstr("here: answered " + std::to_string(status)));
  }
}

TEST(Failures, ARefusalsReasonIsPrintableAndBounded) {
  EXPECT_EQ(parse_refusal(R"({"errors":[{"code":"X","message":"a\u202e\r\n\u001b\"b"}]})"),
            "a??????\"b");
  EXPECT_EQ(parse_refusal(R"({"errors":[{"message":"one"},{"code":"X"},7,{"message":"two"}]})"),
            "one; two");
  const std::string longer(max_reason + 100, 'x');
  EXPECT_EQ(parse_refusal(R"({"errors":[{"message":")" + longer + R"("},{"message":"y"}]})").size(),
            max_reason);
  for (const std::string_view none :
       {"", "{", "[]", "{}", R"({"errors":{}})", R"({"errors":[{"message":1},{"message":""}]})",
        R"({"message":"no registry's form"})"})
    EXPECT_EQ(parse_refusal(none), "") << none;
  ResponseHead head;
  head.status = 412;
  const auto failure = status_failure("here", head, {}, "policy");
  EXPECT_EQ(failure.reason, "policy");
  EXPECT_THAT(failure.message, HasSubstr("answered 412; the registry says: policy"));
}

TEST(Failures, ATransferThatThisMirrorGivesUpIsNoFaultOfTheEndpoint) {
  TransferEnd end{.kind = TransferEnd::Kind::overloaded, .reason = {}, .detail = "too many wait"};
  const auto full = transport_failure("test", end);
  EXPECT_EQ(full.kind, cache::FailureKind::unavailable);
  EXPECT_TRUE(full.given_up);
  EXPECT_GT(full.retry_after.count(), 0) << "told to the client";
  EXPECT_FALSE(worth_retrying(end));
  end.kind = TransferEnd::Kind::unwanted;
  EXPECT_TRUE(transport_failure("test", end).given_up);
  end.kind = TransferEnd::Kind::unreachable;
  EXPECT_FALSE(transport_failure("test", end).given_up);
}

}  // namespace
}  // namespace entrepot::upstream
