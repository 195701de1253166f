// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/issuers.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/unit/proxy/access/jwt/signing_key.h"

namespace entrepot::access {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using testing::ElementsAre;
using testing::HasSubstr;

ClaimName name_of(std::string_view text) { return std::get<ClaimName>(ClaimName::parse(text)); }

class IssuersTest : public testing::Test {
 protected:
  Issuer issuer(const std::string& name, const SigningKey& signer) const {
    return {.name = name,
            .audiences = {"entrepot", "mirror"},
            .keys = std::get<KeySet>(KeySet::parse(signer.pem())),
            .user = name_of("sub"),
            .groups = {}};
  }
  void use(Issuer one) {
    std::vector<Issuer> list;
    list.push_back(std::move(one));
    issuers = Issuers(std::move(list), {});
  }
  std::variant<Identity, JwtRefusal> verify(const std::string& claims) const {
    return issuers.verify(key.token(JwtAlgorithm::es256, claims), now);
  }
  Identity identity(const std::string& claims) const {
    auto result = verify(claims);
    const auto* refusal = std::get_if<JwtRefusal>(&result);
    EXPECT_EQ(refusal, nullptr) << metrics::to_string(refusal->fault) << refusal->detail;
    return std::get<Identity>(std::move(result));
  }
  JwtRefusal refusal(const std::string& claims) const {
    const auto result = verify(claims);
    EXPECT_TRUE(std::holds_alternative<JwtRefusal>(result)) << claims;
    return std::get<JwtRefusal>(result);
  }
  /// Claims that are accepted, with others.
  static std::string with(const std::string& more) {
    return R"({"iss":"https://one","aud":"entrepot","sub":"alice","exp":2000)" + more + "}";
  }

  const SigningKey key{KeyType::p256}, foreign{KeyType::p256};
  const sys_seconds now{seconds(1000)};
  Issuers issuers = [this] {
    std::vector<Issuer> list;
    list.push_back(issuer("https://one", key));
    list.push_back(issuer("https://two", foreign));
    return Issuers(std::move(list), {});
  }();
};

TEST_F(IssuersTest, ATokenNamesItsSender) {
  const Identity sender = identity(with(R"(,"azp":"ci","groups":["b","a"])"));
  EXPECT_EQ(sender.user, "alice");
  EXPECT_TRUE(sender.groups.empty()) << "the issuer has no claim of groups";
  EXPECT_TRUE(sender.claims.match("/azp", Glob("ci")));
  EXPECT_EQ(sender.end.time_since_epoch(), seconds(2060));
}

TEST_F(IssuersTest, AnIssuerSignsWithItsOwnKeysOnly) {
  const std::string claims = with("");
  const auto wrong = issuers.verify(foreign.token(JwtAlgorithm::es256, claims), now);
  EXPECT_EQ(std::get<JwtRefusal>(wrong).fault, JwtFault::signature);
  EXPECT_EQ(std::get<JwtRefusal>(wrong).user, "") << "nothing of it is verified";
  const std::string other = R"({"iss":"https://two","aud":"mirror","sub":"bob","exp":2000})";
  EXPECT_EQ(refusal(other).fault, JwtFault::signature);
  EXPECT_EQ(std::get<Identity>(issuers.verify(foreign.token(JwtAlgorithm::es256, other), now)).user,
            "bob");
}

TEST_F(IssuersTest, TheIssuerIsComparedByteByByte) {
  for (const char* name : {"https://one/", "HTTPS://one", "https://on", ""}) {
    const auto found = refusal(R"({"iss":")" + std::string(name) + R"(","sub":"a","exp":2000})");
    EXPECT_EQ(found.fault, JwtFault::unknown_issuer);
    EXPECT_EQ(found.detail, "\"iss\" is \"" + std::string(name) + "\"");
  }
}

TEST_F(IssuersTest, AKeyOfAnotherTypeIsUnknown) {
  const SigningKey rsa(KeyType::rsa);
  const auto result =
      issuers.verify(rsa.token(JwtAlgorithm::rs256, with(""), R"(,"kid":"k9")"), now);
  EXPECT_EQ(std::get<JwtRefusal>(result).fault, JwtFault::unknown_key);
  EXPECT_EQ(std::get<JwtRefusal>(result).detail, "\"alg\" is RS256, \"kid\" is \"k9\"");
}

TEST_F(IssuersTest, TimesHaveALeeway) {
  const auto claims_until = [](int end) {
    return R"({"iss":"https://one","aud":"entrepot","sub":"alice","exp":)" + std::to_string(end) +
           "}";
  };
  identity(claims_until(941));
  const auto expired = refusal(claims_until(940));
  EXPECT_EQ(expired.fault, JwtFault::expired);
  EXPECT_EQ(expired.user, "alice") << "the signature is right";
  identity(with(R"(,"nbf":1060,"iat":1060)"));
  EXPECT_EQ(refusal(with(R"(,"nbf":1061)")).fault, JwtFault::not_yet);
  EXPECT_EQ(refusal(with(R"(,"iat":1061)")).fault, JwtFault::not_yet);
}

TEST_F(IssuersTest, OneAudienceHasToMatch) {
  const auto claims_for = [](const std::string& audience) {
    return R"({"iss":"https://one","sub":"alice","exp":2000)" + audience + "}";
  };
  identity(claims_for(R"(,"aud":["other","mirror"])"));
  for (const char* audience : {"", R"(,"aud":[])", R"(,"aud":"Entrepot")", R"(,"aud":["x","y"])"})
    EXPECT_EQ(refusal(claims_for(audience)).fault, JwtFault::audience) << audience;
  EXPECT_EQ(refusal(claims_for(R"(,"aud":["x","y"])")).detail, "\"aud\" is \"x\" and others");
}

TEST_F(IssuersTest, TheUserIsOneValueOfAClaim) {
  Issuer one = issuer("https://one", key);
  one.user = name_of("/kubernetes.io/serviceaccount/name");
  one.user_prefix = "sa:";
  use(one);
  EXPECT_EQ(identity(with(R"(,"kubernetes.io":{"serviceaccount":{"name":"builder"}})")).user,
            "sa:builder");
  EXPECT_THAT(refusal(with("")).detail, HasSubstr("no claim /kubernetes.io/serviceaccount/name"));
  for (const char* name : {R"("")", R"(["a","b"])", R"([])", R"("a\nb")", "{}"})
    EXPECT_EQ(
        refusal(with(R"(,"kubernetes.io":{"serviceaccount":{"name":)" + std::string(name) + "}}"))
            .fault,
        JwtFault::user)
        << name;
  EXPECT_EQ(refusal(with(R"(,"kubernetes.io":{"serviceaccount":{"name":")" + std::string(510, 'a') +
                         "\"}}"))
                .fault,
            JwtFault::user);
}

TEST_F(IssuersTest, ASubjectMayHaveColons) {
  EXPECT_EQ(identity(R"({"iss":"https://one","aud":"mirror","exp":2000,)"
                     R"("sub":"system:serviceaccount:ci:builder"})")
                .user,
            "system:serviceaccount:ci:builder");
}

TEST_F(IssuersTest, GroupsAreOfTheConfiguredClaim) {
  Issuer one = issuer("https://one", key);
  one.groups = name_of("roles");
  use(one);
  EXPECT_THAT(identity(with(R"(,"roles":["b","a","b"],"groups":["c"])")).groups,
              ElementsAre("a", "b"));
  EXPECT_THAT(identity(with(R"(,"roles":"a")")).groups, ElementsAre("a"));
  EXPECT_THAT(identity(with("")).groups, ElementsAre());
}

}  // namespace
}  // namespace entrepot::access
