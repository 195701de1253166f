// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/via.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

TEST(IsLoop, DetectsItsOwnName) {
  for (const char* via :
       {"1.1 me", "HTTP/1.1 me", "1.1 fred, 1.1 me", "1.1 me, 1.1 fred", "1.0\tme (a comment)",
        "1.1 fred (a, comment), 1.1 me", " ,, 1.1  me ", "1.1 fred (5\" disk), 1.1 me"})
    EXPECT_TRUE(is_loop(via, "me")) << via;
}

TEST(IsLoop, IgnoresSimilarNames) {
  for (const char* via : {"", ",", "me", "1.1 me2", "1.1 fred (me)", "1.1 me:80", "me 1.1"})
    EXPECT_FALSE(is_loop(via, "me")) << via;
}

TEST(HasPassedMirror, KnowsItsOwnKindByName) {
  for (const char* via : {"1.1 entrepot-0123456789abcdef", "1.0 fred, HTTP/1.1\tentrepot-1 (x)"})
    EXPECT_TRUE(has_passed_mirror(via)) << via;
  for (const char* via : {"", ",", "1.1 fred", "entrepot-1", "1.1 fred (1.1 entrepot-1)",
                          "1.1 my-entrepot-1", "entrepot-1 1.1"})
    EXPECT_FALSE(has_passed_mirror(via)) << via;
}

TEST(IsLoop, DetectsTooManyMirrors) {
  std::string via = "1.1 m0";
  for (int i = 1; i < max_mirrors; ++i) via += ", 1.1 m" + std::to_string(i);
  EXPECT_FALSE(is_loop(via, "me"));
  EXPECT_TRUE(is_loop(via + ", 1.1 one-more", "me"));
  EXPECT_TRUE(is_loop("1.1 fred (" + std::string(max_via_size, 'x') + ")", "me"));
}

TEST(ForwardedVia, KeepsWellFormedEntriesWithoutComments) {
  EXPECT_EQ(forwarded_via(""), "");
  EXPECT_EQ(forwarded_via("1.0 fred, HTTP/1.1\tp.example:80 (a comment),, 1.1 [::1]:5000"),
            "1.0 fred, HTTP/1.1 p.example:80, 1.1 [::1]:5000");
  EXPECT_EQ(forwarded_via("fred, 1.1, 1.1 fr\xc3\xa9"
                          "d, 1.1 a\x01"
                          "b, 1.1 \"a\", 1.1 good, a(b c"),
            "1.1 good");
}

TEST(Loop, IsRejectedBeforeAnyUpstreamRequest) {
  Site site;
  const std::string blob = "/v2/a/b/blobs/" + digest_text("x");
  for (const std::string& target :
       {blob, std::string("/v2/a/b/manifests/latest"), std::string("/v2/a/b/tags/list")}) {
    const fakes::Reply reply = site.get(target, {"Via: 1.1 fred, 1.1 entrepot"});
    EXPECT_EQ(reply.status, 508) << target;
    EXPECT_EQ(to_string(site.last_call().refusal), "loop");
  }
  EXPECT_TRUE(site.store.fetched.empty());
}

TEST(Via, IsSentWithEveryUpstreamRequest) {
  Site site;
  for (const char* what : {"manifests/latest", "tags/list"}) {
    site.get(std::string("/v2/a/b/") + what, {"Via: 1.0 fred", "Via: 1.1 barney"});
    EXPECT_EQ(site.store.last_via, "1.0 fred, 1.1 barney") << what;
  }
  for (const char* what : {"blobs/", "manifests/", "referrers/"}) {
    site.get(std::string("/v2/a/b/") + what + digest_text("x"), {"Via: 1.1 wilma"});
    EXPECT_EQ(site.store.last_via, "1.1 wilma") << what;
  }
  site.get("/v2/a/b/tags/list");
  EXPECT_EQ(site.store.last_via, "");
}

}  // namespace
}  // namespace entrepot::registry
