// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/claims.h"

#include <gmock/gmock.h>

#include <string>

namespace entrepot::access {
namespace {

using testing::HasSubstr;

std::string pointer_of(std::string_view name) {
  const auto parsed = ClaimName::parse(name);
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault != nullptr ? "fault: " + fault->text : std::get<ClaimName>(parsed).pointer();
}

TEST(ClaimName, IsANameOrAPath) {
  EXPECT_EQ(pointer_of("azp"), "/azp");
  EXPECT_EQ(pointer_of("kubernetes.io"), "/kubernetes.io") << "a dot has no meaning";
  EXPECT_EQ(pointer_of("https://example.com/role"), "/https:~1~1example.com~1role");
  EXPECT_EQ(pointer_of("a~b"), "/a~0b");
  EXPECT_EQ(pointer_of("/kubernetes.io/serviceaccount/name"), "/kubernetes.io/serviceaccount/name");
  EXPECT_EQ(pointer_of("/https:~1~1example.com/role"), "/https:~1~1example.com/role");
}

TEST(ClaimName, AFaultTellsTheForm) {
  EXPECT_THAT(pointer_of(""), HasSubstr("names no claim"));
  EXPECT_THAT(pointer_of("/"), HasSubstr("names no claim"));
  EXPECT_THAT(pointer_of("/a~b"), HasSubstr("tilde without 0 or 1"));
  EXPECT_THAT(pointer_of("/a~"), HasSubstr("tilde without 0 or 1"));
  EXPECT_THAT(pointer_of("a\nb"), HasSubstr("control character"));
  EXPECT_THAT(pointer_of(std::string(513, 'a')), HasSubstr("longer than 512"));
}

TEST(Claims, OneOfTheValuesHasToMatch) {
  Claims claims;
  EXPECT_TRUE(claims.empty());
  claims.add("/roles", "reader");
  claims.add("/roles", "writer");
  claims.add("/azp", "ci");
  EXPECT_TRUE(claims.match("/roles", Glob("writ*")));
  EXPECT_TRUE(claims.match("/roles", Glob("reader")));
  EXPECT_FALSE(claims.match("/roles", Glob("ci")));
  EXPECT_FALSE(claims.match("/role", Glob("*"))) << "an absent claim matches nothing";
  EXPECT_EQ(claims.find("/roles")->size(), 2U);
  EXPECT_EQ(claims.find("/none"), nullptr);
  EXPECT_GT(claims.bytes(), 20U);
}

}  // namespace
}  // namespace entrepot::access
