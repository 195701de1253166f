// SPDX-License-Identifier: Apache-2.0
#include "cache/base/digest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "cache/index/layout.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::string_view empty_sha256 =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Digest, ParsesOnlyTheCanonicalForm) {
  EXPECT_EQ(Digest::parse(empty_sha256)->str(), empty_sha256);
  EXPECT_TRUE(Digest::parse("sha512:" + std::string(128, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("sha256"), std::string("sha256:"), std::string(":x"),
        "sha256:" + std::string(63, 'a'), "sha256:" + std::string(65, 'a'),
        "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, 'a') + "g",
        "sha512:" + std::string(64, 'a'), "md5:" + std::string(32, 'a'),
        "SHA256:" + std::string(64, 'a'), std::string("sha256:../../x")}) {
    EXPECT_FALSE(Digest::parse(bad)) << bad;
  }
}

TEST(Digest, HashesEmptyAndSplitInput) {
  EXPECT_EQ(sha256("").str(), empty_sha256);
  Hasher hasher(Algorithm::sha512);
  hasher.update(std::as_bytes(std::span(std::string_view("ab"))));
  hasher.update(std::as_bytes(std::span(std::string_view("c"))));
  EXPECT_EQ(hasher.finish(), digest_of(Algorithm::sha512, std::string_view("abc")));
}

TEST(Digest, KeysRoundTripAndMalformedKeysDoNotParse) {
  for (const auto algorithm : {Algorithm::sha256, Algorithm::sha512}) {
    const auto digest = digest_of(algorithm, std::string_view("x"));
    EXPECT_EQ(parse_digest_key(digest_key(digest)), digest);
    EXPECT_FALSE(parse_digest_key(digest_key(digest) + "x"));
  }
  EXPECT_FALSE(parse_digest_key(""));
  EXPECT_FALSE(parse_digest_key("\x07" + std::string(32, 'x')));
}

}  // namespace
}  // namespace entrepot::cache
