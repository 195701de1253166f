// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/token_reply.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "proxy/base/text.h"
#include "proxy/upstream/auth/token_fetch.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {
namespace {

using std::chrono::seconds;

// --- Token server -------------------------------------------------------------------------------

TEST(TokenReply, TakesEitherNameAndClampsTheLifetime) {
  EXPECT_EQ(parse_token_reply(R"({"token":"t"})")->token, "t");
  EXPECT_EQ(parse_token_reply(R"({"token":"t"})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"access_token":"a","expires_in":300})")->token, "a");
  EXPECT_EQ(parse_token_reply(R"({"access_token":"a","expires_in":300})")->lifetime, seconds(300));
  EXPECT_EQ(parse_token_reply(R"({"token":"","access_token":"a"})")->token, "a");
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":1})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":-1})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":1e300})")->lifetime, seconds(86400));
  EXPECT_EQ(parse_token_reply(R"({"token":"t","expires_in":"300"})")->lifetime, seconds(60));
}

TEST(TokenReply, RefusesWhatIsNoToken) {
  for (const char* body :
       {"", "{}", "[]", "null", "<html>", R"({"token":1})", R"({"token":""})", R"({"token":"a b"})",
        R"({"token":"a\r\nX: y"})", R"({"token":"\u00e9"})", R"({"token":"t")"}) {
    EXPECT_EQ(parse_token_reply(body), std::nullopt) << body;
  }
  EXPECT_EQ(parse_token_reply(std::string(40, '[') + std::string(40, ']')), std::nullopt);
  EXPECT_EQ(parse_token_reply(R"({"token":"t","pad":")" + std::string(max_token_body, 'x') + "\"}"),
            std::nullopt);
}

TEST(TokenUrl, RepeatsTheScopeAndEncodes) {
  const Url realm = *Url::parse("https://auth.example/token?account=x");
  EXPECT_EQ(
      lower_case(token_url(realm, "my service", "repository:a/b:pull repository:c:pull")->text()),
      "https://auth.example/token?account=x&service=my%20service"
      "&scope=repository%3aa%2fb%3apull&scope=repository%3ac%3apull");
  EXPECT_EQ(token_url(realm, "", "")->text(), realm.text());
}

}  // namespace
}  // namespace entrepot::upstream
