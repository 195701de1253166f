// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/names.h"

#include <gtest/gtest.h>

#include <random>
#include <regex>
#include <string>

namespace entrepot::registry {
namespace {

TEST(ValidName, Accepts) {
  for (const char* name :
       {"a", "0", "library/alpine", "a/b/c/d", "a.b", "a_b", "a__b", "a-b", "a---b", "a.b-c_d__e/9",
        "foo/manifests/bar", "blobs/tags/list", "registry.example/x"})
    EXPECT_TRUE(valid_name(name)) << name;
  EXPECT_TRUE(valid_name(std::string(255, 'a')));
}

TEST(ValidName, Rejects) {  // corpus case 75
  for (const char* name :
       {"",     "/",     "/a",   "a/",    "a//b",      "Library/X",   "-a",   "a-",
        "a..b", "a___b", "..",   ".a",    "a.",        "_a",          "a_",   "a._b",
        "a.-b", "a-_b",  "a-.b", "a_-b",  "a__-b",     "a_.b",        "a/-b", "a-/b",
        "a b",  "a:b",   "a@b",  "a%2fb", "a\xc3\xa9", "library/../x"})
    EXPECT_FALSE(valid_name(name)) << name;
  EXPECT_FALSE(valid_name(std::string(256, 'a')));
  EXPECT_FALSE(valid_name(std::string_view("a\0b", 3)));
}

TEST(ValidName, AgreesWithTheGrammarOfTheSpecification) {
  const std::regex grammar(
      R"([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)");
  std::mt19937 random(20260101);
  constexpr std::string_view alphabet = "aab0._-/A";
  int valid = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string name(random() % 9, ' ');
    for (char& c : name) c = alphabet[random() % alphabet.size()];
    const bool expected = std::regex_match(name, grammar);
    valid += expected;
    ASSERT_EQ(valid_name(name), expected) << name;
  }
  EXPECT_GT(valid, 1000) << "the comparison needs valid names too";
}

TEST(ValidTag, Accepts) {
  for (const char* tag : {"a", "Z", "_", "0", "latest", "v1.2.3-rc_1", "a..b", "a-", "a.", "sha256",
                          "sha256-abc.sig"})
    EXPECT_TRUE(valid_tag(tag)) << tag;
  EXPECT_TRUE(valid_tag(std::string(128, 'x')));
}

TEST(ValidTag, Rejects) {  // corpus case 76
  for (const char* tag : {"", ".x", "-x", "a:b", ".INVALID_MANIFEST_NAME", "a/b", "a b", "a+b"})
    EXPECT_FALSE(valid_tag(tag)) << tag;
  EXPECT_FALSE(valid_tag(std::string(129, 'x')));
}

TEST(ParseReference, DistinguishesTagsFromDigests) {
  const std::string hex64(64, 'a');
  const std::string hex128(128, 'b');
  const struct {
    std::string text;
    ReferenceKind kind;
  } cases[] = {
      {"latest", ReferenceKind::tag},
      {"sha256", ReferenceKind::tag},
      {"sha256:" + hex64, ReferenceKind::digest},
      {"sha512:" + hex128, ReferenceKind::digest},
      {"sha256:" + hex64 + "a", ReferenceKind::bad_digest},
      {"sha256:" + hex64.substr(1), ReferenceKind::bad_digest},
      {"sha256:" + std::string(64, 'A'), ReferenceKind::bad_digest},
      {"sha256:" + std::string(64, 'g'), ReferenceKind::bad_digest},
      {"sha512:" + hex64, ReferenceKind::bad_digest},
      {"sha256:", ReferenceKind::bad_digest},
      {"sha256:totallywrong", ReferenceKind::bad_digest},
      {"md5:" + std::string(32, '0'), ReferenceKind::bad_digest},
      {"sha1:" + std::string(40, '0'), ReferenceKind::bad_digest},
      {"sha256+b64u:" + std::string(43, '_'), ReferenceKind::bad_digest},
      {"blake3:" + hex64, ReferenceKind::bad_digest},
      {"a:b", ReferenceKind::neither},
      {":x", ReferenceKind::neither},
      {":" + hex64, ReferenceKind::neither},
      {"+a:" + hex64, ReferenceKind::neither},
      {"a+:" + hex64, ReferenceKind::neither},
      {"a++b:" + hex64, ReferenceKind::neither},
      {"md5:" + std::string(31, '0'), ReferenceKind::neither},
      {"md5:" + std::string(32, '/'), ReferenceKind::neither},
      {".INVALID_MANIFEST_NAME", ReferenceKind::neither},
      {"", ReferenceKind::neither},
  };
  for (const auto& [text, kind] : cases) {
    const Reference reference = parse_reference(text);
    EXPECT_EQ(reference.kind, kind) << text;
    ASSERT_EQ(reference.digest.has_value(), kind == ReferenceKind::digest) << text;
    if (reference.digest) {
      EXPECT_EQ(reference.digest->str(), text);
    }
  }
}

}  // namespace
}  // namespace entrepot::registry
