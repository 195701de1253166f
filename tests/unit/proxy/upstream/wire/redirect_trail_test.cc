// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/redirect_trail.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

/// A trail from /v2/a of an endpoint, with the URLs that it refers to.
class Trail {
 public:
  Trail(const std::string& endpoint, const RedirectTrail::Rules& rules)
      : start_(*Url::parse(endpoint + "/v2/a")),
        endpoint_(*Url::parse(endpoint)),
        trail_(start_, endpoint_, rules) {}
  RedirectTrail* operator->() { return &trail_; }

 private:
  const Url start_;
  const Url endpoint_;
  RedirectTrail trail_;
};

TEST(RedirectTrailTest, FollowsToOtherOriginsAndBack) {
  Trail path("https://r.example", {.redirects = 3, .returns = 1});
  EXPECT_TRUE(path->at_endpoint());
  EXPECT_FALSE(path->redirected());
  EXPECT_EQ(path->follow("https://cdn.example/x"), std::nullopt);
  EXPECT_EQ(path->url().text(), "https://cdn.example/x");
  EXPECT_FALSE(path->at_endpoint());
  EXPECT_TRUE(path->redirected());
  EXPECT_EQ(path->follow("/y"), std::nullopt);
  EXPECT_EQ(path->url().text(), "https://cdn.example/y");
  EXPECT_EQ(path->follow("https://r.example/z"), std::nullopt);
  EXPECT_TRUE(path->at_endpoint());
}

TEST(RedirectTrailTest, BoundsRedirectsAndReturns) {
  Trail path("https://r.example", {.redirects = 1, .returns = 1});
  EXPECT_EQ(path->follow("/1"), std::nullopt);
  EXPECT_EQ(path->follow("/2"), "it redirects more than 1 times; check the endpoint's url");
  EXPECT_EQ(path->url().text(), "https://r.example/1");
  EXPECT_TRUE(path->restart());
  EXPECT_EQ(path->url().text(), "https://r.example/v2/a");
  EXPECT_FALSE(path->redirected());
  EXPECT_EQ(path->follow("/1"), std::nullopt);
  EXPECT_FALSE(path->restart());
}

TEST(RedirectTrailTest, RefusesALocationThatCannotBeUsed) {
  Trail path("https://r.example", {.redirects = 9});
  for (const char* location : {"", "ftp://r.example/", "https://user@r.example/"})
    EXPECT_EQ(path->follow(location), "it redirects without a Location that can be used")
        << location;
  EXPECT_EQ(path->url().text(), "https://r.example/v2/a");
}

TEST(RedirectTrailTest, FollowsToPlainHttpFromAPlainEndpointOnly) {
  Trail secure("https://r.example", {.redirects = 9, .plain_http = true});
  const auto why = secure->follow("http://r.example/x?secret");
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(*why, "it redirects to plain http at http://r.example/x, which is not followed");
  Trail plain("http://r.example", {.redirects = 9, .plain_http = true});
  EXPECT_EQ(plain->follow("http://cdn.example/x"), std::nullopt);
  EXPECT_EQ(plain->follow("https://cdn.example/x"), std::nullopt);
  EXPECT_NE(plain->follow("http://cdn.example/x"), std::nullopt);
  Trail forbidden("http://r.example", {.redirects = 9, .plain_http = false});
  EXPECT_NE(forbidden->follow("http://cdn.example/x"), std::nullopt);
}

}  // namespace
}  // namespace entrepot::upstream
