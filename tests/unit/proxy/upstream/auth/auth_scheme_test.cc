// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/auth_scheme.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/upstream/auth/challenge.h"

namespace entrepot::upstream {
namespace {

std::vector<Challenge> scheme_challenges(const std::vector<std::string>& values) {
  return parse_challenges(values);
}

TEST(AuthScheme, PrefersBearerAndNeedsCredentialsForBasic) {
  const auto both =
      scheme_challenges({R"(Basic realm="x", Bearer realm="https://r/t",service="s")"});
  EXPECT_EQ(choose_scheme(both, true)->kind, AuthScheme::Kind::bearer);
  const auto basic = scheme_challenges({R"(Basic realm="x")"});
  EXPECT_EQ(choose_scheme(basic, true)->kind, AuthScheme::Kind::basic);
  EXPECT_EQ(choose_scheme(basic, false), std::nullopt);
  EXPECT_EQ(choose_scheme(scheme_challenges({"Bearer service=s"}), true), std::nullopt);
  EXPECT_EQ(choose_scheme(scheme_challenges({"Negotiate"}), true), std::nullopt);
  EXPECT_EQ(choose_scheme(scheme_challenges({"Bearer realm=\"https://r/t\",scope=\"a\tb\""}), true),
            std::nullopt);
}

TEST(AuthScheme, TakesARealmWithSpacesAndUtf8) {
  const std::string realm = "https://r/my token?for=r\xc3\xa9gistre";
  EXPECT_EQ(choose_scheme(scheme_challenges({"Bearer realm=\"" + realm + "\""}), true)->realm,
            realm);
  for (const char control : {'\x01', '\x1f', '\x7f'})
    EXPECT_EQ(choose_scheme(
                  scheme_challenges({"Bearer realm=\"https://r/" + std::string(1, control) + "\""}),
                  true),
              std::nullopt);
}

}  // namespace
}  // namespace entrepot::upstream
