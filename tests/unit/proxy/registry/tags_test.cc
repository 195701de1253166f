// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Tags : public testing::Test {
 protected:
  Tags() {
    cache::ListingAnswer answer;
    answer.tags = std::make_shared<const cache::TagList>("3.19\n3.20\nlatest\n");
    site.store.listings["docker.io/library/alpine/tags"] = answer;
    site.store.listings["registry.example:5000/a/tags"] = answer;
    answer.tags = std::make_shared<const cache::TagList>("");
    site.store.listings["docker.io/a/none/tags"] = answer;
  }
  Site site;
};

TEST_F(Tags, ListsAllTags) {
  const fakes::Reply reply = site.get("/v2/library/alpine/tags/list");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"name":"library/alpine","tags":["3.19","3.20","latest"]})");
  const std::map<std::string, std::string> expected = {{"Content-Type", "application/json"},
                                                       {"Cache-Control", "no-cache"},
                                                       {"Cache-Status", "entrepot; hit"}};
  EXPECT_EQ(reply.fields, expected);
  EXPECT_EQ(reply.content_length, reply.body.size());
  EXPECT_EQ(site.last_call().kind, metrics::Kind::tags);
}

TEST_F(Tags, NameIsTheOneOfTheRequest) {
  EXPECT_EQ(site.get("/v2/alpine/tags/list?n=1").body, R"({"name":"alpine","tags":["3.19"]})");
  EXPECT_EQ(site.get("/v2/docker.io/alpine/tags/list?n=1").body,
            R"({"name":"docker.io/alpine","tags":["3.19"]})");
  EXPECT_EQ(site.get("/hub/v2/alpine/tags/list?n=1").body, R"({"name":"alpine","tags":["3.19"]})");
}

TEST_F(Tags, LinkKeepsTheClientsPathAndNs) {
  EXPECT_EQ(site.get("/v2/library/alpine/tags/list?n=2").field("Link"),
            R"(</v2/library/alpine/tags/list?n=2&last=3.20>; rel="next")");
  EXPECT_EQ(site.get("/v2/docker.io/alpine/tags/list?n=1").field("Link"),
            R"(</v2/docker.io/alpine/tags/list?n=1&last=3.19>; rel="next")");
  EXPECT_EQ(site.get("/hub/v2/alpine/tags/list?n=1&last=3.19").field("Link"),
            R"(</hub/v2/alpine/tags/list?n=1&last=3.20>; rel="next")");
  EXPECT_EQ(site.get("/v2/a/tags/list?ns=registry.example%3A5000&n=1").field("Link"),
            R"(</v2/a/tags/list?n=1&last=3.19&ns=registry.example%3A5000>; rel="next")");
}

TEST_F(Tags, FollowingLinkEnds) {
  std::string target = "/v2/a/tags/list?ns=registry.example%3A5000&n=1";
  std::vector<std::string> bodies;
  while (!target.empty()) {
    ASSERT_LT(bodies.size(), 5u);
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.field("OCI-Namespace"), "registry.example:5000");
    bodies.push_back(reply.body);
    const std::string link = reply.field("Link");
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
  }
  EXPECT_THAT(bodies,
              ElementsAre(R"({"name":"a","tags":["3.19"]})", R"({"name":"a","tags":["3.20"]})",
                          R"({"name":"a","tags":["latest"]})"));
}

TEST_F(Tags, AllReadersShareOneText) {
  const auto& text = site.store.listings["docker.io/library/alpine/tags"].tags->text();
  for (const char* query : {"", "?n=2", "?last=3.19"})
    EXPECT_THAT(site.get(std::string("/v2/library/alpine/tags/list") + query).shared,
                testing::Contains(text))
        << query;
}

TEST_F(Tags, ListsNoTags) {
  EXPECT_EQ(site.get("/v2/a/none/tags/list").body, R"({"name":"a/none","tags":[]})");
  const fakes::Reply reply = site.get("/v2/library/alpine/tags/list?n=0");
  EXPECT_EQ(reply.body, R"({"name":"library/alpine","tags":[]})");
  EXPECT_EQ(reply.field("Link"), "");
}

TEST_F(Tags, RejectsInvalidQueries) {  // corpus cases 83 and 84
  for (const char* query : {"n=-1", "n=abc", "last=%00", "last=../"}) {
    const fakes::Reply reply = site.get(std::string("/v2/library/alpine/tags/list?") + query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(code_of(reply), "PAGINATION_NUMBER_INVALID") << query;
  }
  EXPECT_THAT(site.store.fetched, IsEmpty());
}

TEST_F(Tags, Failures) {
  const fakes::Reply reply = site.get("/v2/unknown/x/tags/list");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(code_of(reply), "NAME_UNKNOWN");
}

TEST_F(Tags, MarksStaleLists) {
  site.store.listings["docker.io/library/alpine/tags"].outcome = metrics::Outcome::stale;
  EXPECT_EQ(site.get("/v2/library/alpine/tags/list").field("Warning"),
            "299 - \"stale: upstream unreachable\"");
}

TEST_F(Tags, SendsNothingToADisconnectedClient) {
  const auto exchange = site.begin("GET", "/v2/library/alpine/tags/list");
  exchange->close();
  site.executor.run();
  EXPECT_FALSE(exchange->replied());
}

}  // namespace
}  // namespace entrepot::registry
