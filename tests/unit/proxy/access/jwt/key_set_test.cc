// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/key_set.h"

#include <gmock/gmock.h>

#include <string>

#include "proxy/access/jwt/base64url.h"
#include "tests/unit/proxy/access/jwt/signing_key.h"

namespace entrepot::access {
namespace {

using testing::HasSubstr;
using Result = KeySet::Result;

KeySet keys_of(const std::string& text) {
  auto parsed = KeySet::parse(text);
  const auto* problems = std::get_if<std::vector<Problem>>(&parsed);
  EXPECT_EQ(problems, nullptr) << problems->front().where << problems->front().what;
  return std::get<KeySet>(std::move(parsed));
}
KeySet set_of(const std::string& jwks) { return keys_of("{\"keys\":[" + jwks + "]}"); }

/// "keys[1]: is ...", of the first problem.
std::string problem_of(const std::string& text) {
  const auto parsed = KeySet::parse(text);
  const auto* problems = std::get_if<std::vector<Problem>>(&parsed);
  if (problems == nullptr) return "none";
  return problems->front().where + ": " + problems->front().what;
}
std::string problem_of_set(const std::string& jwks) {
  return problem_of("{\"keys\":[" + jwks + "]}");
}

/// Verifies a token "HEADER.CLAIMS.SIGNATURE".
Result verified(const KeySet& keys, JwtAlgorithm algorithm, const std::string& token,
                const std::optional<std::string>& id = std::nullopt) {
  const std::size_t dot = token.rfind('.');
  return keys.verify(algorithm, id, token.substr(0, dot), *decode_base64url(token.substr(dot + 1)));
}

constexpr char claims_of_rfc7515[] =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";

TEST(KeySet, TheExampleOfRfc7515A2) {
  const KeySet keys = set_of(
      R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qP)"
      R"(CJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-)"
      R"(bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k)"
      R"(G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",)"
      R"("e":"AQAB"})");
  const std::string text = "eyJhbGciOiJSUzI1NiJ9." + std::string(claims_of_rfc7515);
  const std::string signature =
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
  EXPECT_EQ(verified(keys, JwtAlgorithm::rs256, text + "." + signature), Result::right);
  EXPECT_EQ(verified(keys, JwtAlgorithm::rs256, text + "X." + signature), Result::wrong);
  EXPECT_EQ(verified(keys, JwtAlgorithm::ps256, text + "." + signature), Result::wrong);
}

TEST(KeySet, TheExampleOfRfc7515A3) {
  const KeySet keys = set_of(R"({"kty":"EC","crv":"P-256",)"
                             R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                             R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  const std::string text = "eyJhbGciOiJFUzI1NiJ9." + std::string(claims_of_rfc7515);
  const std::string signature =
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, text + "." + signature), Result::right);
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, text + "X." + signature), Result::wrong);
  EXPECT_EQ(verified(keys, JwtAlgorithm::es384, text + "." + signature), Result::unknown);
}

TEST(KeySet, TheExampleOfRfc8037A4) {
  const KeySet keys =
      set_of(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  const std::string token =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  EXPECT_EQ(verified(keys, JwtAlgorithm::eddsa, token), Result::right);
  EXPECT_EQ(verified(keys, JwtAlgorithm::eddsa, "e" + token), Result::wrong);
}

class EachAlgorithm : public testing::TestWithParam<JwtAlgorithm> {};

TEST_P(EachAlgorithm, VerifiesItsOwnSignaturesOnly) {
  const JwtAlgorithm algorithm = GetParam();
  const SigningKey key(key_type_of(algorithm)), other(key_type_of(algorithm));
  const std::string token = key.token(algorithm, "{}");
  for (const KeySet& keys : {set_of(key.jwk()), keys_of(key.pem())}) {
    EXPECT_EQ(verified(keys, algorithm, token), Result::right);
    EXPECT_EQ(verified(keys, algorithm, other.token(algorithm, "{}")), Result::wrong);
    for (std::size_t i = 0; i < metrics::count_of<JwtAlgorithm>; ++i) {
      const auto wrong = static_cast<JwtAlgorithm>(i);
      if (wrong == algorithm) continue;
      EXPECT_NE(verified(keys, wrong, token), Result::right);
    }
    const std::size_t dot = token.rfind('.');
    std::string signature = *decode_base64url(token.substr(dot + 1));
    for (const std::string& bad : {signature.substr(1), signature + '\0',
                                   std::string(signature.size(), '\0'), std::string("x")})
      EXPECT_EQ(keys.verify(algorithm, {}, token.substr(0, dot), bad), Result::wrong);
    signature.back() = static_cast<char>(signature.back() ^ 1);
    EXPECT_EQ(keys.verify(algorithm, {}, token.substr(0, dot), signature), Result::wrong);
  }
}

INSTANTIATE_TEST_SUITE_P(
    KeySet, EachAlgorithm,
    testing::Values(JwtAlgorithm::rs256, JwtAlgorithm::rs384, JwtAlgorithm::rs512,
                    JwtAlgorithm::ps256, JwtAlgorithm::ps384, JwtAlgorithm::ps512,
                    JwtAlgorithm::es256, JwtAlgorithm::es384, JwtAlgorithm::eddsa),
    [](const auto& each) { return std::string(metrics::to_string(each.param)); });

/// One of 256 signatures begins with a zero, which a number may lack.
TEST(KeySet, AnRsaSignatureHasTheLengthOfItsKey) {
  for (const auto algorithm : {JwtAlgorithm::rs256, JwtAlgorithm::ps256}) {
    const SigningKey key(KeyType::rsa);
    const KeySet keys = set_of(key.jwk());
    std::string text, signature = "x";
    for (int number = 0; signature.front() != '\0'; ++number) {
      const std::string token = key.token(algorithm, "{\"n\":" + std::to_string(number) + "}");
      const std::size_t dot = token.rfind('.');
      text = token.substr(0, dot);
      signature = *decode_base64url(token.substr(dot + 1));
    }
    EXPECT_EQ(keys.verify(algorithm, {}, text, signature), Result::right);
    EXPECT_EQ(keys.verify(algorithm, {}, text, signature.substr(1)), Result::wrong);
  }
}

TEST(KeySet, TheKeyIdSelects) {
  const SigningKey one(KeyType::p256), two(KeyType::p256);
  const KeySet keys = set_of(one.jwk(R"(,"kid":"1")") + "," + two.jwk(R"(,"kid":"2")"));
  const std::string token = two.token(JwtAlgorithm::es256, "{}");
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, token, "2"), Result::right);
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, token, "1"), Result::wrong);
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, token, "3"), Result::unknown);
  EXPECT_EQ(verified(keys, JwtAlgorithm::es256, token), Result::right) << "each key is tried";
  EXPECT_EQ(verified(keys_of(one.pem() + two.pem()), JwtAlgorithm::es256, token, "3"),
            Result::right)
      << "keys in PEM have no id";
}

TEST(KeySet, AKeyMayServeOneAlgorithmOnly) {
  const SigningKey key(KeyType::rsa);
  const KeySet keys = set_of(key.jwk(R"(,"alg":"RS256")"));
  EXPECT_EQ(verified(keys, JwtAlgorithm::rs256, key.token(JwtAlgorithm::rs256, "{}")),
            Result::right);
  EXPECT_EQ(verified(keys, JwtAlgorithm::ps256, key.token(JwtAlgorithm::ps256, "{}")),
            Result::unknown);
}

TEST(KeySet, KeysOfOtherPurposesAreLeftOut) {
  const SigningKey key(KeyType::p256);
  const KeySet keys =
      set_of(key.jwk(R"(,"use":"sig","key_ops":["verify"])") + "," + key.jwk(R"(,"use":"enc")") +
             "," + key.jwk(R"(,"key_ops":["sign"])") + "," + key.jwk(R"(,"alg":"ES384")") + "," +
             key.jwk(R"(,"alg":"ECDH-ES")") +
             R"(,{"kty":"EC","crv":"secp256k1"},{"kty":"OKP","crv":"X25519"},{"kty":"AKP"})");
  EXPECT_EQ(keys.size(), 1U);
}

TEST(KeySet, ProblemsOfASet) {
  const SigningKey key(KeyType::p256);
  const std::string good = key.jwk();
  EXPECT_THAT(problem_of("{"), HasSubstr("no JWK Set"));
  EXPECT_THAT(problem_of("{\"keys\":{}}"), HasSubstr("no JWK Set"));
  EXPECT_THAT(problem_of("{\"keys\":[],\"keys\":[]}"), HasSubstr("no JWK Set"));
  EXPECT_THAT(problem_of_set(""), HasSubstr("no key that verifies a token"));
  EXPECT_THAT(problem_of_set(R"({"kty":"OKP","crv":"Ed448"})"), HasSubstr("no key that verifies"));
  EXPECT_THAT(problem_of_set("7"), HasSubstr("keys[0]: is no object"));
  EXPECT_THAT(problem_of_set(good + ",{}"), HasSubstr("keys[1]: has no \"kty\""));
  EXPECT_THAT(problem_of_set(R"({"kty":"oct","k":"c2VjcmV0"})"), HasSubstr("keys[0]: is a secret"));
  EXPECT_THAT(problem_of_set(key.jwk(R"(,"d":"AA")")), HasSubstr("keys[0]: is a private key"));
  EXPECT_THAT(problem_of_set(SigningKey(KeyType::rsa, 1024).jwk()), HasSubstr("has 1024 bits"));
  std::string many = good;
  for (std::size_t i = 0; i < KeySet::max_keys; ++i) many += "," + good;
  EXPECT_THAT(problem_of_set(many), HasSubstr("more than 64 keys"));
  EXPECT_THAT(problem_of(std::string(KeySet::max_size + 1, ' ')), HasSubstr("larger than 1 MiB"));
}

TEST(KeySet, KeysThatAreNone) {
  for (const char* jwk :
       {R"({"kty":"RSA"})", R"({"kty":"RSA","n":"!","e":"AQAB"})",
        R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
        // Not on the curve.
        R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"})",
        R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})",
        R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"})
    EXPECT_THAT(problem_of_set(jwk), HasSubstr("keys[0]: is no key of its type")) << jwk;
  const std::string modulus = base64url("\xff" + std::string(255, '\x01'));
  for (const std::string& exponent :
       {base64url("\x01"), base64url("\x04"), base64url("\x01" + std::string(8, '\x01'))})
    EXPECT_THAT(problem_of_set(R"({"kty":"RSA","n":")" + modulus + R"(","e":")" + exponent + "\"}"),
                HasSubstr("a modulus or an exponent"))
        << exponent;
}

TEST(KeySet, ProblemsOfPem) {
  const SigningKey key(KeyType::p256);
  EXPECT_EQ(keys_of("# of the cluster\n" + key.pem() + "\n" + key.pem() + "\n").size(), 2U);
  EXPECT_THAT(problem_of(""), HasSubstr("no key that verifies a token"));
  EXPECT_THAT(problem_of("no key"), HasSubstr("no key that verifies a token"));
  EXPECT_THAT(problem_of(key.private_pem()), HasSubstr("has a private key"));
  EXPECT_THAT(problem_of(SigningKey(KeyType::rsa, 1024).pem()), HasSubstr("has 1024 bits"));
  std::string broken = key.pem();
  broken[40] = '!';
  EXPECT_THAT(problem_of(key.pem() + broken), HasSubstr("keys[1]: is no"));
  EXPECT_THAT(problem_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              HasSubstr("keys[0]: is \"CERTIFICATE\"; write \"PUBLIC KEY\""));
}

}  // namespace
}  // namespace entrepot::access
