// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/route.h"

#include <gtest/gtest.h>

#include <ostream>

namespace entrepot::registry {

void PrintTo(const Route& route, std::ostream* out) {
  *out << static_cast<int>(route.resource) << " prefix=" << route.prefix << " name=" << route.name
       << " reference=" << route.reference;
}

bool operator==(const Route& a, const Route& b) {
  return a.resource == b.resource && a.prefix == b.prefix && a.name == b.name &&
         a.reference == b.reference;
}

namespace {

TEST(ParseRoute, Resources) {
  EXPECT_EQ(parse_route("/v2"), (Route{Resource::ping, "", "", ""}));
  EXPECT_EQ(parse_route("/v2/"), (Route{Resource::ping, "", "", ""}));
  EXPECT_EQ(parse_route("/v2/_catalog"), (Route{Resource::catalog, "", "", ""}));
  EXPECT_EQ(parse_route("/v2/a/b/manifests/latest"),
            (Route{Resource::manifest, "", "a/b", "latest"}));
  EXPECT_EQ(parse_route("/v2/a/blobs/sha256:00"), (Route{Resource::blob, "", "a", "sha256:00"}));
  EXPECT_EQ(parse_route("/v2/a/referrers/sha256:00"),
            (Route{Resource::referrers, "", "a", "sha256:00"}));
  EXPECT_EQ(parse_route("/v2/a/tags/list"), (Route{Resource::tags, "", "a", ""}));
  EXPECT_EQ(parse_route("/v2/a/blobs/uploads/x"), (Route{Resource::upload, "", "a", "x"}));
  EXPECT_EQ(parse_route("/v2/a/blobs/uploads/"), (Route{Resource::upload, "", "a", ""}));
}

TEST(ParseRoute, Prefixes) {
  EXPECT_EQ(parse_route("/p/v2"), (Route{Resource::ping, "p", "", ""}));
  EXPECT_EQ(parse_route("/p/v2/"), (Route{Resource::ping, "p", "", ""}));
  EXPECT_EQ(parse_route("/ghcr.io/v2/a/manifests/x"),
            (Route{Resource::manifest, "ghcr.io", "a", "x"}));
  // In the path it is part of the name; select_target() removes it.
  EXPECT_EQ(parse_route("/v2/ghcr.io/a/manifests/x"),
            (Route{Resource::manifest, "", "ghcr.io/a", "x"}));
  EXPECT_EQ(parse_route("/v2/v2/a/manifests/x"), (Route{Resource::manifest, "", "v2/a", "x"}));
}

TEST(ParseRoute, ParsesFromTheRight) {  // corpus case 80
  EXPECT_EQ(parse_route("/v2/a/manifests/b/manifests/x"),
            (Route{Resource::manifest, "", "a/manifests/b", "x"}));
  EXPECT_EQ(parse_route("/v2/a/blobs/uploads/manifests/x"),
            (Route{Resource::manifest, "", "a/blobs/uploads", "x"}));
  EXPECT_EQ(parse_route("/v2/a/manifests/tags/list"),
            (Route{Resource::tags, "", "a/manifests", ""}));
  EXPECT_EQ(parse_route("/v2/tags/list/tags/list"), (Route{Resource::tags, "", "tags/list", ""}));
  EXPECT_EQ(parse_route("/v2/blobs/blobs/sha256:0"),
            (Route{Resource::blob, "", "blobs", "sha256:0"}));
}

TEST(ParseRoute, RejectsOtherPaths) {  // corpus case 82
  for (const char* path : {"",
                           "/",
                           "//",
                           "v2/",
                           "/v1/",
                           "/v2x",
                           "/v2x/a/manifests/b",
                           "/v2/x",
                           "/v2//",
                           "/v2/a/b",
                           "/p",
                           "/p/",
                           "/p/v1/",
                           "/p/v2x",
                           "//v2/",
                           "/p/q/v2/",
                           "/p/q/v2/a/manifests/b",
                           "/v2/manifests/x",
                           "/v2/tags/list",
                           "/V2/",
                           "/v2/a/manifests",
                           "/v2/a/Manifests/x"})
    EXPECT_EQ(parse_route(path).resource, Resource::none) << path;
}

TEST(ParseRoute, DoesNotCheckGrammars) {
  EXPECT_EQ(parse_route("/v2//manifests/x"), (Route{Resource::manifest, "", "", "x"}));
  EXPECT_EQ(parse_route("/v2/a/manifests/"), (Route{Resource::manifest, "", "a", ""}));
}

}  // namespace
}  // namespace entrepot::registry
