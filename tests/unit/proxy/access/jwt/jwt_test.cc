// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/jwt.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/unit/proxy/access/jwt/signing_key.h"

namespace entrepot::access {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char sound_claims[] = R"({"iss":"https://issuer","exp":2000})";

std::string token_of(const std::string& header, const std::string& claims) {
  return base64url(header) + "." + base64url(claims) + "." + base64url("signature");
}
std::string token_of(const std::string& claims) { return token_of(R"({"alg":"RS256"})", claims); }

Jwt parsed_jwt(const std::string& token) {
  auto result = parse_jwt(token);
  const auto* refusal = std::get_if<JwtRefusal>(&result);
  EXPECT_EQ(refusal, nullptr) << refusal->detail;
  return std::get<Jwt>(std::move(result));
}
JwtFault jwt_fault(const std::string& token) {
  const auto result = parse_jwt(token);
  const auto* refusal = std::get_if<JwtRefusal>(&result);
  EXPECT_NE(refusal, nullptr) << token;
  return refusal->fault;
}

TEST(Jwt, HasThreeParts) {
  const std::string token = token_of(R"({"alg":"ES256","kid":"k1","typ":"JWT"})", sound_claims);
  EXPECT_TRUE(has_form_of_jwt(token));
  const Jwt jwt = parsed_jwt(token);
  EXPECT_EQ(jwt.algorithm, JwtAlgorithm::es256);
  EXPECT_EQ(jwt.key_id, "k1");
  EXPECT_EQ(jwt.signature, "signature");
  EXPECT_EQ(std::string(jwt.signed_text) + "." + base64url("signature"), token);
  EXPECT_EQ(jwt.issuer, "https://issuer");
  EXPECT_EQ(jwt.expires.time_since_epoch(), seconds(2000));
  EXPECT_FALSE(jwt.not_before);
  EXPECT_THAT(jwt.audience, ElementsAre());
}

TEST(Jwt, OtherCredentialsHaveAnotherForm) {
  for (const char* text : {"", "eyJ", "eyJh.eyJh", "eyJh.eyJh.", "eyJh..a", ".eyJh.a", "eyJh.a.b.c",
                           "eyJh.a.b=", "eyJh.a.b c", "xyJh.a.b", "entrepot_abc", "a.b.c"})
    EXPECT_FALSE(has_form_of_jwt(text)) << text;
}

TEST(Jwt, MalformedTokens) {
  const std::string good = token_of(sound_claims);
  for (const std::string& token :
       {std::string(),
        std::string("..."),
        std::string("a.b.c"),
        good.substr(0, good.rfind('.')),
        good.substr(0, good.rfind('.') + 1),
        good + ".x",
        good + "=",
        good + " ",
        token_of("[]", sound_claims),
        token_of(R"({"alg":"RS256")", sound_claims),
        token_of("[1]"),
        token_of("{}"),
        token_of(R"({"iss":"i"})"),
        token_of(R"({"exp":1})"),
        token_of(R"({"iss":1,"exp":1})"),
        token_of(R"({"iss":"i","exp":"1"})"),
        token_of(R"({"iss":"i","exp":-1})"),
        token_of(R"({"iss":"i","exp":1e999})"),
        token_of(R"({"iss":"i","exp":null})"),
        token_of(R"({"iss":"i","exp":1,"nbf":"0"})"),
        token_of(R"({"iss":"i","exp":1,"iat":[]})"),
        token_of(R"({"iss":"i","exp":1,"aud":{}})"),
        token_of(R"({"iss":"i","exp":1,"aud":["a",1]})"),
        token_of(R"({"iss":"i","exp":1,"exp":9})"),
        token_of(R"({"iss":"i","exp":1,"a":{"b":1,"b":2}})"),
        token_of(R"({"alg":"RS256","alg":"RS256"})", sound_claims),
        token_of(R"({"alg":"RS256","kid":1})", sound_claims),
        token_of(R"({"iss":"i","exp":1,"a":"x\u0000y"})"),
        token_of("{\"iss\":\"\xff\",\"exp\":1}"),
        token_of(R"({"iss":"i","exp":1,"a":)" + std::string(20, '[') + std::string(20, ']') + "}"),
        std::string(longest_jwt + 1, 'a')})
    EXPECT_EQ(jwt_fault(token), JwtFault::malformed) << token;
}

TEST(Jwt, AlgorithmsOfSecretsAndNoneAreRefused) {
  for (const char* name :
       {"none", "None", "HS256", "HS512", "rs256", "ES512", "ES256K", "EdDSA ", "RSA-OAEP", ""})
    EXPECT_EQ(jwt_fault(token_of(R"({"alg":")" + std::string(name) + "\"}", sound_claims)),
              JwtFault::algorithm)
        << name;
  EXPECT_EQ(jwt_fault(token_of("{}", sound_claims)), JwtFault::algorithm);
  EXPECT_EQ(jwt_fault(token_of(R"({"alg":256})", sound_claims)), JwtFault::algorithm);
  EXPECT_EQ(jwt_fault(token_of(R"({"alg":"RS256","crit":["b64"],"b64":false})", sound_claims)),
            JwtFault::algorithm);
}

TEST(Jwt, TimesAreNumbersWithFractionsAndABound) {
  const Jwt jwt = parsed_jwt(token_of(R"({"iss":"i","exp":2000.75,"nbf":0,"iat":1e3})"));
  EXPECT_EQ(jwt.expires.time_since_epoch(), seconds(2000));
  EXPECT_EQ(jwt.not_before->time_since_epoch(), seconds(0));
  EXPECT_EQ(jwt.issued->time_since_epoch(), seconds(1000));
  for (const char* far : {"18446744073709551615", "9223372036854775807", "1e300"})
    EXPECT_EQ(parsed_jwt(token_of(R"({"iss":"i","exp":)" + std::string(far) + "}"))
                  .expires.time_since_epoch(),
              seconds(253'402'300'799));
}

TEST(Jwt, AnAudienceIsATextOrAList) {
  EXPECT_THAT(parsed_jwt(token_of(R"({"iss":"i","exp":1,"aud":"a"})")).audience, ElementsAre("a"));
  EXPECT_THAT(parsed_jwt(token_of(R"({"iss":"i","exp":1,"aud":["a","b"]})")).audience,
              ElementsAre("a", "b"));
}

TEST(Jwt, ClaimsAreValuesAtPaths) {
  const Jwt jwt = parsed_jwt(token_of(R"({"iss":"i","exp":1,"n":-2.5,"yes":true,"none":null,
      "groups":["a","b",7,{"c":1},["d"]],"empty":[],"x/y~z":"q",
      "kubernetes.io":{"namespace":"ci","serviceaccount":{"name":"builder"}}})"));
  const Claims& claims = jwt.claims;
  EXPECT_THAT(*claims.find("/iss"), ElementsAre("i"));
  EXPECT_THAT(*claims.find("/exp"), ElementsAre("1"));
  EXPECT_THAT(*claims.find("/n"), ElementsAre("-2.5"));
  EXPECT_THAT(*claims.find("/yes"), ElementsAre("true"));
  EXPECT_EQ(claims.find("/none"), nullptr);
  EXPECT_EQ(claims.find("/empty"), nullptr);
  EXPECT_THAT(*claims.find("/groups"), ElementsAre("a", "b", "7"));
  EXPECT_THAT(*claims.find("/x~1y~0z"), ElementsAre("q"));
  EXPECT_THAT(*claims.find("/kubernetes.io/namespace"), ElementsAre("ci"));
  EXPECT_THAT(*claims.find("/kubernetes.io/serviceaccount/name"), ElementsAre("builder"));
}

TEST(Jwt, ManyClaimsOfALongPathAreRefused) {
  std::string claims = R"({"iss":"i","exp":1,")" + std::string(4000, 'n') + R"(":{)";
  for (int i = 0; i < 100; ++i) claims += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  EXPECT_EQ(jwt_fault(token_of(claims + "}}")), JwtFault::malformed);
}

TEST(Jwt, RefusesAClaimThatNoPatternCanMatch) {
  const auto token = [](std::size_t size) {
    return token_of(R"({"iss":"https://issuer","exp":2000000000,"group":")" +
                    std::string(size, 'g') + "\"}");
  };
  EXPECT_TRUE(std::holds_alternative<Jwt>(parse_jwt(token(Glob::longest_text))));
  EXPECT_EQ(jwt_fault(token(Glob::longest_text + 1)), JwtFault::malformed);
}

TEST(Jwt, TheDetailIsSafeForATerminal) {
  const auto result =
      parse_jwt(token_of(R"({"alg":"\u001b[31m)" + std::string(500, 'x') + "\"}", sound_claims));
  const auto& detail = std::get<JwtRefusal>(result).detail;
  EXPECT_THAT(detail, HasSubstr("\"alg\" is \"?[31mxxx"));
  EXPECT_LE(detail.size(), 100U);
}

}  // namespace
}  // namespace entrepot::access
