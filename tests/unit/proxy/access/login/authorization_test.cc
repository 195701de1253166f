// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/authorization.h"

#include <gtest/gtest.h>

#include <utility>

namespace entrepot::access {
namespace {

using Kind = AuthorizationKind;

Kind kind(std::string_view value) { return Authorization::parse(value).kind(); }

TEST(Authorization, Basic) {
  const auto parsed = Authorization::parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617 §2
  EXPECT_EQ(parsed.kind(), Kind::basic);
  EXPECT_EQ(parsed.user(), "Aladdin");
  EXPECT_EQ(parsed.secret(), "open sesame");
}

TEST(Authorization, BasicSplitsAtTheFirstColon) {
  const auto colons = Authorization::parse("basic YTpiOmM=");  // a:b:c
  EXPECT_EQ(colons.user(), "a");
  EXPECT_EQ(colons.secret(), "b:c");
  const auto no_password = Authorization::parse("BASIC YTo=");  // a:
  EXPECT_EQ(no_password.kind(), Kind::basic);
  EXPECT_EQ(no_password.user(), "a");
  EXPECT_EQ(no_password.secret(), "");
  const auto no_user = Authorization::parse("Basic OmI=");  // :b
  EXPECT_EQ(no_user.kind(), Kind::basic);
  EXPECT_EQ(no_user.user(), "");
  EXPECT_EQ(no_user.secret(), "b");
}

TEST(Authorization, BasicOfEveryLengthWithAndWithoutPadding) {
  for (const auto* value : {"Basic YTpi", "Basic YTpiYw==", "Basic YTpiYw",
                            "Basic YTpiY2Q=", "Basic YTpiY2Q", "Basic   YTpi", "Basic YTpi \t"}) {
    const auto parsed = Authorization::parse(value);
    EXPECT_EQ(parsed.kind(), Kind::basic) << value;
    EXPECT_EQ(parsed.user(), "a") << value;
    EXPECT_EQ(parsed.secret(), std::string("bcd").substr(0, parsed.secret().size())) << value;
    EXPECT_NE(parsed.secret(), "") << value;
  }
}

TEST(Authorization, BasicKeepsBytesAboveAscii) {
  const auto parsed = Authorization::parse("Basic dGVzdDoxMjPCow==");  // RFC 7617 §2.1
  EXPECT_EQ(parsed.user(), "test");
  EXPECT_EQ(parsed.secret(), "123\xc2\xa3");
}

TEST(Authorization, MalformedBasic) {
  for (const auto* value :
       {"Basic", "Basic ", "Basic =", "Basic ====", "Basic YQ==" /* no colon */, "Basic Y",
        "Basic YTpiY", "Basic YTpi=", "Basic YTpiYw=", "Basic YTpiY2Q==", "Basic YT=pi",
        "Basic YT pi", "Basic YTpi,YTpi", "Basic YTp-", "Basic YToA" /* NUL */,
        "Basic YTpiCg==" /* LF */, "Basic fzpi" /* DEL */})
    EXPECT_EQ(kind(value), Kind::malformed) << value;
}

TEST(Authorization, Bearer) {
  const auto parsed = Authorization::parse("Bearer entrepot_aZ09-._~+/==");
  EXPECT_EQ(parsed.kind(), Kind::bearer);
  EXPECT_EQ(parsed.user(), "");
  EXPECT_EQ(parsed.secret(), "entrepot_aZ09-._~+/==");
  EXPECT_EQ(kind("bearer  x "), Kind::bearer);
  for (const auto* value :
       {"Bearer", "Bearer ", "Bearer =", "Bearer a b", "Bearer a=b", "Bearer a,b", "Bearer \xff"})
    EXPECT_EQ(kind(value), Kind::malformed) << value;
}

TEST(Authorization, OtherSchemes) {
  EXPECT_EQ(kind(""), Kind::none);
  EXPECT_EQ(kind("Digest username=\"a\", realm=\"b\""), Kind::unsupported);
  EXPECT_EQ(kind("Negotiate YII="), Kind::unsupported);
  EXPECT_EQ(kind("Basics YTpi"), Kind::unsupported);
  EXPECT_EQ(kind(" Basic YTpi"), Kind::malformed);
  EXPECT_EQ(kind("Ba\"sic YTpi"), Kind::malformed);
}

TEST(Authorization, Bound) {
  const std::string longest = "Bearer " + std::string(Authorization::max_size - 7, 'a');
  EXPECT_EQ(kind(longest), Kind::bearer);
  EXPECT_EQ(kind(longest + "a"), Kind::malformed);
}

TEST(Authorization, MovesLeaveNothing) {
  auto first = Authorization::parse("Basic YTpi");
  const Authorization second(std::move(first));
  EXPECT_EQ(second.kind(), Kind::basic);
  EXPECT_EQ(second.user(), "a");
  EXPECT_EQ(second.secret(), "b");
  EXPECT_EQ(first.kind(), Kind::none);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first.secret(), "");
}

}  // namespace
}  // namespace entrepot::access
