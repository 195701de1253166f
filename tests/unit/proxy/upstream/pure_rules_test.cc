// SPDX-License-Identifier: Apache-2.0
// Rules without a wire: response heads, circuits, retries, stalls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/upstream/breaker.h"
#include "proxy/upstream/credential.h"
#include "proxy/upstream/failures.h"
#include "proxy/upstream/json.h"
#include "proxy/upstream/refusal_reason.h"
#include "proxy/upstream/response_head.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/stall_watch.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = HeadReader::State;

/// Feeds lines, each given without its line end; the last state.
State feed(HeadReader& reader, const std::vector<std::string>& lines) {
  State state = State::reading;
  for (const std::string& line : lines) state = reader.feed(line + "\r\n");
  return state;
}

TEST(HeadReader, KeepsWhatWeUse) {
  HeadReader reader;
  EXPECT_EQ(feed(reader, {"HTTP/1.1 401 Unauthorized", "content-length:  12 ", "ETAG: \"x\"",
                          "WWW-Authenticate: Basic", "www-authenticate: Bearer realm=\"r\"",
                          "X-Other: y", "Link: </a>", ""}),
            State::complete);
  EXPECT_EQ(reader.head().status, 401);
  EXPECT_EQ(reader.head().content_length, 12U);
  EXPECT_EQ(reader.head().etag, "\"x\"");
  EXPECT_THAT(reader.head().www_authenticate, ElementsAre("Basic", "Bearer realm=\"r\""));
  EXPECT_EQ(feed(reader, {"Location: /trailers/mean/nothing"}), State::complete);
  EXPECT_EQ(reader.head().location, "");
}

TEST(HeadReader, ForgetsInterimHeads) {
  HeadReader reader;
  EXPECT_EQ(feed(reader, {"HTTP/1.1 103 Early Hints", "Location: /early", ""}), State::reading);
  EXPECT_EQ(feed(reader, {"HTTP/1.1 200 OK", "Content-Length: 5", ""}), State::complete);
  EXPECT_EQ(reader.head().location, "");
}

TEST(HeadReader, ChunkedHasNoLength) {
  HeadReader reader;
  feed(reader, {"HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked", ""});
  EXPECT_EQ(reader.head().content_length, std::nullopt);
}

TEST(HeadReader, OfFieldsThatDecideNothingTheFirstCounts) {
  HeadReader reader;
  EXPECT_EQ(feed(reader,
                 {"HTTP/1.1 200 OK", "ETag: \"a\"", "ETag: \"b\"", "Content-Type: a/b",
                  "Content-Type: c/d", "Retry-After: 1", "Retry-After: 2", "RateLimit-Remaining: 3",
                  "RateLimit-Remaining: 4", "Docker-Distribution-Api-Version: registry/2.0",
                  "Docker-Distribution-Api-Version: 2", "Location: /a", "Location: /a",
                  "Docker-Content-Digest: a", "Docker-Content-Digest: a",
                  "Docker-Content-Digest: b", "Docker-Content-Digest: a", ""}),
            State::complete);
  EXPECT_EQ(reader.head().etag, "\"a\"");
  EXPECT_EQ(reader.head().content_type, "a/b");
  EXPECT_EQ(reader.head().retry_after, "1");
  EXPECT_EQ(reader.head().ratelimit_remaining, "3");
  EXPECT_EQ(reader.head().api_version, "registry/2.0");
  EXPECT_THAT(reader.head().docker_content_digest, HasSubstr(", "));
}

TEST(HeadReader, RefusesContradictions) {
  const std::vector<std::string> heads[] = {
      {"HTTP/1.1 abc OK"},
      {"HTTP/1.1 99 Low"},
      {"HTTP/1.1 600 High"},
      {"ICY 200 OK"},
      {"HTTP/1.1"},
      {"HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2"},
      {"HTTP/1.1 200 OK", "Content-Length: -1"},
      {"HTTP/1.1 200 OK", "Content-Length: 1, 1"},
      {"HTTP/1.1 200 OK", "Content-Length: 99999999999999999999"},
      {"HTTP/1.1 200 OK", "Location: /a", "Location: /b"},
      {"HTTP/1.1 206 OK", "Content-Range: bytes 0-0/2", "Content-Range: bytes 1-1/2"},
      {"HTTP/1.1 200 OK", "no colon"},
      {"HTTP/1.1 200 OK", ": no name"},
      {"HTTP/1.1 200 OK", "a b: space"},
      {"HTTP/1.1 200 OK", " folded: line"},
      {"HTTP/1.1 200 OK", std::string("nul: \0", 6)},
      {"HTTP/1.1 200 OK", "cr: a\rb"},
  };
  for (const auto& lines : heads) {
    HeadReader reader;
    EXPECT_EQ(feed(reader, lines), State::refused) << lines.back();
    EXPECT_FALSE(reader.refusal().empty());
    EXPECT_EQ(reader.feed("\r\n"), State::refused);
  }
}

TEST(HeadReader, RefusesAnUpgradeNobodyAskedFor) {
  HeadReader reader;
  EXPECT_EQ(feed(reader, {"HTTP/1.1 103 Early Hints", ""}), State::reading);
  EXPECT_EQ(feed(reader, {"HTTP/1.1 101 Switching Protocols", "Upgrade: h2c", ""}), State::refused);
  EXPECT_EQ(feed(reader, {"HTTP/1.1 200 OK", ""}), State::refused);
}

TEST(HeadReader, CapsBytesAndInterimResponses) {
  HeadReader big;
  ASSERT_EQ(feed(big, {"HTTP/1.1 200 OK"}), State::reading);
  const std::string line = "X: " + std::string(1019, 'x');  // 1 KiB with its end
  for (int i = 0; i < 63; ++i) ASSERT_EQ(feed(big, {line}), State::reading) << i;
  EXPECT_EQ(feed(big, {line}), State::refused);

  HeadReader early;
  for (int i = 0; i < HeadReader::max_interim; ++i) {
    ASSERT_EQ(feed(early, {"HTTP/1.1 100 Continue", ""}), State::reading) << i;
  }
  EXPECT_EQ(feed(early, {"HTTP/1.1 100 Continue", ""}), State::refused);
}

TEST(BreakerTest, OpensDoublesProbesAndCloses) {
  Breaker::Time now{};
  Breaker breaker({.threshold = 3, .shortest = milliseconds(400), .longest = milliseconds(1000)},
                  1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(breaker.admit(now).count(), 0);
    EXPECT_FALSE(breaker.open());
    breaker.failed(now);
  }
  EXPECT_TRUE(breaker.open());
  const auto first = breaker.admit(now);
  EXPECT_GE(first, milliseconds(300));
  EXPECT_LE(first, milliseconds(500));
  breaker.failed(now);  // an attempt begun before it opened: no doubling
  EXPECT_EQ(breaker.admit(now), first);

  now += first;
  EXPECT_EQ(breaker.admit(now).count(), 0) << "no probe";
  EXPECT_GT(breaker.admit(now).count(), 0) << "two probes at once";
  breaker.failed(now);
  EXPECT_GE(breaker.admit(now), milliseconds(600));

  now += seconds(2);
  EXPECT_EQ(breaker.admit(now).count(), 0);
  breaker.abandoned();
  EXPECT_EQ(breaker.admit(now).count(), 0) << "an abandoned probe blocks the next";
  breaker.failed(now);
  EXPECT_LE(breaker.admit(now), milliseconds(1250)) << "longer than the longest";

  now += seconds(2);
  EXPECT_EQ(breaker.admit(now).count(), 0);
  breaker.answered();
  EXPECT_FALSE(breaker.open());
  EXPECT_EQ(breaker.admit(now).count(), 0);
  EXPECT_EQ(breaker.admit(now).count(), 0);
}

TEST(RetryTest, BoundsTriesAndTime) {
  const Retry::Time begun{};
  Limits limits;
  limits.tries = 3;
  Timeouts timeouts;
  timeouts.backoff_first = milliseconds(100);
  timeouts.retry_for = seconds(5);
  Retry tries(limits, timeouts, begun, 1);
  const auto first = tries.failed(begun);
  ASSERT_TRUE(first.has_value());
  EXPECT_GE(*first, milliseconds(75));
  EXPECT_LE(*first, milliseconds(125));
  const auto second = tries.failed(begun);
  ASSERT_TRUE(second.has_value());
  EXPECT_GE(*second, milliseconds(150));
  EXPECT_EQ(tries.failed(begun), std::nullopt);

  Retry late(limits, timeouts, begun, 1);
  EXPECT_EQ(late.failed(begun + seconds(5)), std::nullopt);
}

TEST(Backoff, GrowsToItsLimitAndVaries) {
  std::uint64_t random = 7;
  std::vector<milliseconds> waits;
  for (int i = 0; i < 100; ++i) {
    waits.push_back(backoff_delay(30, milliseconds(100), milliseconds(800), random));
    EXPECT_GE(waits.back(), milliseconds(600));
    EXPECT_LE(waits.back(), milliseconds(1000));
  }
  EXPECT_NE(*std::min_element(waits.begin(), waits.end()),
            *std::max_element(waits.begin(), waits.end()));
  EXPECT_EQ(backoff_delay(3, milliseconds(0), milliseconds(0), random), milliseconds(0));
}

TEST(StallWatchTest, NoticesAfterOneSpanAndNotBefore) {
  StallWatch watch(milliseconds(400), 1000);  // 400 bytes in a span
  EXPECT_EQ(watch.tick_length(), milliseconds(100));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(watch.tick());
  EXPECT_TRUE(watch.tick());
}

TEST(StallWatchTest, ForgivesGapsShorterThanTheSpan) {
  StallWatch watch(milliseconds(400), 1000);
  for (int round = 0; round < 10; ++round) {
    watch.received(400);
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(watch.tick()) << round << " " << i;
  }
  EXPECT_TRUE(watch.tick());
}

TEST(StallWatchTest, NoticesADrip) {
  StallWatch watch(milliseconds(400), 1000);
  bool stalled = false;
  for (int i = 0; i < 4; ++i) {
    watch.received(99);
    stalled = watch.tick();
  }
  EXPECT_TRUE(stalled);
}

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

TEST(CredentialTest, EncodesBasicAndWipes) {
  EXPECT_EQ(Credential("user", "secret").basic(), "Basic dXNlcjpzZWNyZXQ=");
  EXPECT_EQ(Credential("", "").basic(), "Basic Og==");
  std::string secret = "a secret that is longer than the small string buffer";
  const char* memory = secret.data();
  const std::size_t size = secret.size();
  wipe(secret);
  EXPECT_EQ(secret, "");
  EXPECT_EQ(std::string_view(memory, size), std::string(size, '\0'));
}

TEST(Json, BoundsItsDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(max_json_depth)).has_value());
  EXPECT_FALSE(parse_json(nested(max_json_depth + 1)).has_value());
  EXPECT_FALSE(parse_json(nested(100'000)).has_value());
  EXPECT_TRUE(json_depth_ok("\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\""));
  EXPECT_FALSE(parse_json("{\"a\":\"\xff\"}").has_value()) << "not UTF-8";
  EXPECT_FALSE(parse_json("").has_value());
}

TEST(Failures, WhatThisMirrorGivesUpIsNoFaultOfTheEndpoint) {
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
