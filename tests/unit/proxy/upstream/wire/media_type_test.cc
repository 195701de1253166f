// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/media_type.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "cache/base/media_type.h"

namespace entrepot::upstream {
namespace {

// --- Content-Type -------------------------------------------------------------------------------

TEST(MediaType, KeepsTypeAndSubtypeOnly) {
  EXPECT_EQ(parse_media_type("Application/JSON; charset=utf-8"), "application/json");
  EXPECT_EQ(parse_media_type(oci_index), oci_index);
  for (const char* value : {"", "json", "/", "a/", "/b", "a b/c", "a/b c", "a/b/c", "a\"/b"}) {
    EXPECT_EQ(parse_media_type(value), "") << value;
  }
  EXPECT_EQ(parse_media_type("a/" + std::string(300, 'b')), "");
}

TEST(MediaType, AcceptNamesEveryStoredType) {
  for (const auto type : {oci_index, oci_manifest, docker_list, docker_manifest}) {
    EXPECT_TRUE(is_manifest_type(type));
    EXPECT_NE(manifest_accept.find(type), std::string_view::npos);
  }
  EXPECT_FALSE(is_manifest_type("text/html"));
  EXPECT_FALSE(is_manifest_type(""));
}

}  // namespace
}  // namespace entrepot::upstream
