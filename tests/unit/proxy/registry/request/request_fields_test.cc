// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/request_fields.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/exchange.h"
#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

/// A request with these fields, scanned.
struct Scanned {
  explicit Scanned(const std::vector<std::string>& lines) : exchange(head(lines)) {
    fields = scan_fields(exchange.request());
  }
  static std::string head(const std::vector<std::string>& lines) {
    std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (const std::string& line : lines) text += line + "\r\n";
    return text + "\r\n";
  }
  bool accepts(std::string_view type) const {
    return registry::accepts(exchange.request(), fields, type);
  }
  std::string own() const { return extra_types(exchange.request(), fields); }
  bool none_match(std::string_view digest) const {
    return none_match_hits(exchange.request(), fields, digest);
  }

  fakes::Exchange exchange;
  RequestFields fields;
};

TEST(ScanFields, FindsAndCounts) {
  const Scanned scanned({"Accept: a/b", "ACCEPT: c/d", "Range: bytes=0-", "If-Range: \"x\"",
                         "Authorization: Bearer t", "If-None-Match: *", "Cookie: accept=x"});
  EXPECT_EQ(scanned.fields.accept.value, "a/b");
  EXPECT_EQ(scanned.fields.accept.count, 2u);
  EXPECT_EQ(scanned.fields.range.value, "bytes=0-");
  EXPECT_EQ(scanned.fields.if_range.value, "\"x\"");
  EXPECT_EQ(scanned.fields.authorization.value, "Bearer t");
  EXPECT_EQ(scanned.fields.if_none_match.value, "*");
  EXPECT_FALSE(scanned.fields.no_cache);
}

TEST(ScanFields, NoCache) {
  EXPECT_TRUE(Scanned({"Cache-Control: no-cache"}).fields.no_cache);
  EXPECT_TRUE(Scanned({"Cache-Control: max-age=0, No-Cache"}).fields.no_cache);
  EXPECT_TRUE(Scanned({"Pragma: no-cache"}).fields.no_cache);
  EXPECT_FALSE(Scanned({"Cache-Control: max-age=0"}).fields.no_cache);
  EXPECT_FALSE(Scanned({"Cache-Control: x=\"no-cache, no-cache\""}).fields.no_cache);
}

TEST(Accepts, ListsAndWildcards) {
  EXPECT_TRUE(Scanned({}).accepts(oci_manifest));
  EXPECT_TRUE(Scanned({"Accept:"}).accepts(oci_manifest));
  EXPECT_TRUE(Scanned({"Accept: ,, ,"}).accepts(oci_manifest));
  EXPECT_TRUE(Scanned({"Accept: */*"}).accepts(oci_manifest));
  EXPECT_TRUE(Scanned({"Accept: text/html, application/*"}).accepts(oci_manifest));
  EXPECT_TRUE(
      Scanned({"Accept: application/vnd.OCI.image.manifest.v1+json"}).accepts(oci_manifest));
  EXPECT_TRUE(Scanned({"Accept: a/b", "Accept: application/vnd.oci.image.manifest.v1+json;q=0.5"})
                  .accepts(oci_manifest));
  EXPECT_FALSE(Scanned({"Accept: text/*"}).accepts(oci_manifest));
  EXPECT_FALSE(Scanned({"Accept: application/json"}).accepts(oci_manifest));
  EXPECT_FALSE(Scanned({"Accept: application/vnd.oci.image.manifest.v1+json"}).accepts(oci_index));
  EXPECT_FALSE(Scanned({"Accept: a/b;x=\"application/*, */*\""}).accepts(oci_index))
      << "a comma in quotes does not begin another type";
}

TEST(Accepts, IsBoundedAndIgnoresQ) {  // corpus case 91
  EXPECT_TRUE(Scanned({"Accept: */*;q=0"}).accepts(oci_manifest));
  std::string long_list = "Accept: a/b";
  while (long_list.size() < 40000) long_list += ", a/b";
  EXPECT_TRUE(Scanned({long_list}).accepts(oci_manifest));
}

TEST(ExtraTypes, ContainUnusualArtefactTypes) {
  EXPECT_EQ(Scanned({}).own(), "");
  EXPECT_EQ(
      Scanned({"Accept: */*, text/html, application/*, application/json, image/svg+xml"}).own(),
      "");
  EXPECT_EQ(Scanned({"Accept: application/vnd.oci.image.manifest.v1+json"}).own(), "");
  EXPECT_EQ(Scanned({"Accept: a/b, application/vnd.Example.V1+json;q=0.5", "Accept: */*",
                     "Accept: application/vnd.other+json"})
                .own(),
            "application/vnd.example.v1+json, application/vnd.other+json");
}

TEST(ExtraTypes, AreBounded) {
  std::string many = "Accept: a/b";
  for (int i = 0; i < 10; ++i) many += ", application/vnd.x" + std::to_string(i) + "+json";
  const std::string own = Scanned({many}).own();
  EXPECT_TRUE(own.ends_with("application/vnd.x3+json")) << own;
}

TEST(NoneMatch, Comparisons) {
  const std::string digest = digest_text("x");
  EXPECT_FALSE(Scanned({}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: *"}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: \"" + digest + "\""}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: W/\"" + digest + "\""}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: " + digest}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: \"a,b\", \"" + digest + "\""}).none_match(digest));
  EXPECT_TRUE(Scanned({"If-None-Match: \"a\"", "If-None-Match: " + digest}).none_match(digest));
  EXPECT_FALSE(Scanned({"If-None-Match: \"" + digest_text("y") + "\""}).none_match(digest));
  EXPECT_FALSE(Scanned({"If-None-Match:"}).none_match(digest));
  EXPECT_FALSE(Scanned({"If-None-Match: \"" + digest}).none_match(digest));
}

TEST(RangeApplies, RequiresAStronglyEqualTag) {
  const std::string digest = digest_text("x");
  EXPECT_TRUE(range_applies(Scanned({}).fields, digest));
  EXPECT_TRUE(range_applies(Scanned({"If-Range: \"" + digest + "\""}).fields, digest));
  EXPECT_FALSE(range_applies(Scanned({"If-Range: W/\"" + digest + "\""}).fields, digest));
  EXPECT_FALSE(range_applies(Scanned({"If-Range: \"other\""}).fields, digest));
  EXPECT_FALSE(range_applies(Scanned({"If-Range: Wed, 21 Oct 2026 07:28:00 GMT"}).fields, digest));
}

TEST(Authorization, WellFormed) {
  for (const char* value : {"Basic dXNlcjpwYXNz", "basic dTpwPz8/Pw==", "Bearer eyJh.eyJz-_~.sig",
                            "Bearer abc==", "Negotiate", "", "Basic", "Basic Og==",
                            "Digest username=\"a\\\"b\", realm=\"x, y\", nc=1", "Custom a = b"})
    EXPECT_TRUE(well_formed_authorization(value)) << value;
}

TEST(Authorization, Malformed) {  // corpus case 92
  for (const char* value :
       {"Basic %%%", "Basic a:b", "Basic a===", "Basic a=b", "Bearer {}", "Bearer a b", "B@sic abc",
        "Digest a=\"b", "Digest =b", "Digest a=\"b\"c", "Digest a=\"b\\"})
    EXPECT_FALSE(well_formed_authorization(value)) << value;
  EXPECT_TRUE(well_formed_authorization("Bearer " + std::string(16000, 'a')));
  EXPECT_FALSE(well_formed_authorization("Bearer " + std::string(32000, 'a')));
}

}  // namespace
}  // namespace entrepot::registry
