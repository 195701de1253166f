// SPDX-License-Identifier: Apache-2.0
#include "cache/content/manifest.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

TEST(Manifest, ListsItsReferences) {
  const auto outline = parse_manifest(manifest_naming(
      {sha256("a"), sha256("b")}, R"(,"config":{"digest":")" + sha256("c").str() + "\"}"));
  ASSERT_TRUE(outline);
  EXPECT_EQ(outline->references, (std::vector{sha256("c"), sha256("a"), sha256("b")}));
}

TEST(Manifest, ImpliesAMissingMediaType) {
  EXPECT_EQ(parse_manifest(R"({"schemaVersion":2,"manifests":[]})")->media_type,
            "application/vnd.oci.image.index.v1+json");
  EXPECT_EQ(parse_manifest(R"({"schemaVersion":2,"layers":[]})")->media_type, oci_manifest_type);
}

TEST(Manifest, IgnoresAnInvalidMediaType) {
  for (const std::string& bad :
       {std::string(R"(a\r\nX: 1)"), std::string(R"(a/b\u0000)"), std::string(),
        std::string("none"), "a/" + std::string(10'000, 'b')}) {
    const auto outline =
        parse_manifest(R"({"schemaVersion":2,"layers":[],"mediaType":")" + bad + "\"}");
    ASSERT_TRUE(outline) << bad;
    EXPECT_EQ(outline->media_type, oci_manifest_type) << bad;
  }
}

TEST(Manifest, RejectsOrParsesHostileDocuments) {
  EXPECT_TRUE(parse_manifest(std::string(100'000, '['))->over_limits);
  std::string deep = R"({"schemaVersion":2,"layers":[],"x":)";
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_TRUE(parse_manifest(deep + "1" + std::string(100'001, '}'))->over_limits);
  EXPECT_FALSE(parse_manifest("null"));
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2})"));
  const auto odd = parse_manifest(
      R"({"schemaVersion":2,"layers":[1,null,{"digest":5},{"digest":"sha256:../x"}],"config":[]})");
  ASSERT_TRUE(odd);
  EXPECT_TRUE(odd->references.empty());
  std::vector<Digest> many(max_references, sha256("x"));
  EXPECT_FALSE(parse_manifest(manifest_naming(many))->over_limits);
  many.push_back(sha256("x"));
  EXPECT_TRUE(parse_manifest(manifest_naming(many))->over_limits);
}

}  // namespace
}  // namespace entrepot::cache
