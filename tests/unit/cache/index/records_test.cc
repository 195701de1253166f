// SPDX-License-Identifier: Apache-2.0
#include "cache/index/records.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

TEST(Records, RoundTrip) {
  const WallTime now{std::chrono::milliseconds(1'700'000'000'123)};
  const BlobRecord in_file{1ULL << 40, now, false, "docker.io"};
  const BlobRecord in_line{3, now, true};
  const ManifestRecord manifest{oci_manifest_type, 6, now, "docker.io\nprivate"};
  const TagRecord tag{sha256("x"), oci_manifest_type, 7, now};
  const LinkRecord link{LinkRecord::Proof::manifest, now};
  const LinkRecord earlier{LinkRecord::Proof::upstream, now, true};
  EXPECT_EQ(decode_blob(encode(in_file)), in_file);
  EXPECT_EQ(decode_blob(encode(in_line)), in_line);
  EXPECT_EQ(decode_manifest(encode(manifest)), manifest);
  EXPECT_EQ(decode_tag(encode(tag)), tag);
  EXPECT_EQ(decode_link(encode(link)), link);
  EXPECT_EQ(decode_link(encode(earlier)), earlier);
}

TEST(Records, ReadsTheFirstVersionWithoutOrigins) {
  const auto as_first = [](std::string record, std::size_t origins) {
    record[0] = 1;
    return record.substr(0, record.size() - origins);
  };
  const BlobRecord blob{3, {}, true};
  const ManifestRecord manifest{oci_manifest_type, 6, {}};
  constexpr std::size_t no_names = 8;
  const auto read_blob = decode_blob(as_first(encode(blob), no_names));
  ASSERT_TRUE(read_blob);
  EXPECT_EQ(read_blob->size, blob.size);
  EXPECT_EQ(read_blob->origins, Origins::unnoted_name);
  const auto read_manifest = decode_manifest(as_first(encode(manifest), no_names));
  ASSERT_TRUE(read_manifest);
  EXPECT_EQ(read_manifest->media_type, oci_manifest_type);
  EXPECT_EQ(read_manifest->origins, Origins::unnoted_name);
  EXPECT_TRUE(decode_link(as_first(encode(LinkRecord{}), 0))->earlier);
  EXPECT_FALSE(decode_link(encode(LinkRecord{}))->earlier);
}

TEST(Records, RejectsTruncatedAndUnknownVersions) {
  const auto whole = encode(TagRecord{sha256("x"), "type/x", 7, {}});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_tag(std::string_view(whole).substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_tag(whole + "x"));
  auto other_version = whole;
  other_version[0] = 3;
  EXPECT_FALSE(decode_tag(other_version));
  const auto blob = encode(BlobRecord{3, {}, true});
  EXPECT_FALSE(decode_blob(std::string_view(blob).substr(0, blob.size() - 1)));
  EXPECT_FALSE(decode_link(""));
}

TEST(Records, RejectsMediaTypesInvalidInHeaders) {
  const WallTime now{};
  EXPECT_FALSE(decode_manifest(encode(ManifestRecord{"a/b\r\nX: 1", 2, now})));
  EXPECT_FALSE(decode_tag(encode(TagRecord{sha256("x"), "a/b\nX", 2, now})));
  EXPECT_TRUE(decode_tag(encode(TagRecord{sha256("x"), "", 2, now})));
}

}  // namespace
}  // namespace entrepot::cache
