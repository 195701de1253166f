// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/response_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

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

TEST(HeadReader, TheFirstOfRepeatedFieldsThatDecideNothingCounts) {
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

}  // namespace
}  // namespace entrepot::upstream
