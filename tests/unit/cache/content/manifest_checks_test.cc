// SPDX-License-Identifier: Apache-2.0
#include "cache/content/manifest_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

const std::string index_type = "application/vnd.oci.image.index.v1+json";

ParsedManifest parsed(const std::string& json) { return read_manifest(Algorithm::sha256, json); }

TEST(ManifestChecks, ServesTheTypeThatTheUpstreamNames) {
  auto manifest = parsed(manifest_naming({}));
  EXPECT_FALSE(check_manifest(manifest, oci_manifest_type, {}));
  EXPECT_EQ(manifest.content->media_type, oci_manifest_type);
}

TEST(ManifestChecks, ServesTheManifestsOwnTypeIfTheUpstreamNamesNone) {
  auto manifest = parsed(manifest_naming({}));
  EXPECT_FALSE(check_manifest(manifest, "", {}));
  EXPECT_EQ(manifest.content->media_type, oci_manifest_type);
}

TEST(ManifestChecks, RefusesTwoDifferentTypes) {
  auto manifest = parsed(manifest_naming({}));
  const auto failure = check_manifest(manifest, index_type, {});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::bad_upstream);
}

TEST(ManifestChecks, TakesSchema1ForEitherOfItsTypes) {
  for (const std::string type : {"v1+json", "v1+prettyjws"}) {
    auto manifest = parsed(R"({"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]})");
    EXPECT_FALSE(
        check_manifest(manifest, "application/vnd.docker.distribution.manifest." + type, {}))
        << type;
  }
}

TEST(ManifestChecks, RefusesManifestsBeyondTheLimits) {
  std::string deep = R"({"schemaVersion":2,"x":)";
  deep += std::string(10'000, '[') + std::string(10'000, ']') + "}";
  auto manifest = parsed(deep);
  ASSERT_TRUE(manifest.outline && manifest.outline->over_limits);
  EXPECT_TRUE(check_manifest(manifest, oci_manifest_type, {}));
}

}  // namespace
}  // namespace entrepot::cache
