// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/jwk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "proxy/access/jwt/base64url.h"
#include "proxy/access/jwt/json_object.h"
#include "proxy/access/jwt/openssl_pointers.h"

namespace entrepot::access {
namespace {

using Json = nlohmann::json;
using openssl::BigNumber;
using KeyPointer = std::shared_ptr<EVP_PKEY>;

/// The bytes of a member in base64url; nullopt if it is absent or has another form.
std::optional<std::string> bytes_at(const Json& jwk, const char* key) {
  const std::string* text = text_at(jwk, key);
  return text == nullptr ? std::nullopt : decode_base64url(*text);
}

/// Null if OpenSSL refuses the parameters.
KeyPointer make(const char* type, OSSL_PARAM_BLD* builder) {
  const openssl::Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const openssl::KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  return {key, &EVP_PKEY_free};
}

BigNumber number_of(const std::string& bytes) {
  return BigNumber(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr));
}

KeyPointer rsa_key(const Json& jwk) {
  const auto modulus = bytes_at(jwk, "n"), exponent = bytes_at(jwk, "e");
  if (!modulus || !exponent) return nullptr;
  const BigNumber n = number_of(*modulus), e = number_of(*exponent);
  const openssl::ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return make("RSA", builder.get());
}

/// OpenSSL refuses a point that is not on the curve.
KeyPointer ec_key(const Json& jwk, const char* group, std::size_t size) {
  const auto x = bytes_at(jwk, "x"), y = bytes_at(jwk, "y");
  if (!x || !y || x->size() != size || y->size() != size) return nullptr;
  const std::string point = '\x04' + *x + *y;  // SEC 1 §2.3.3, not compressed
  const openssl::ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1)
    return nullptr;
  return make("EC", builder.get());
}

KeyPointer ed25519_key(const Json& jwk) {
  const auto x = bytes_at(jwk, "x");
  if (!x) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                      reinterpret_cast<const unsigned char*>(x->data()), x->size()),
          &EVP_PKEY_free};
}

/// The key type of `kty` and `crv`; nullopt for another one.
std::optional<KeyType> type_of(const Json& jwk) {
  const std::string* type = text_at(jwk, "kty");
  const std::string* curve = text_at(jwk, "crv");
  if (type == nullptr) return std::nullopt;
  if (*type == "RSA") return KeyType::rsa;
  if (curve == nullptr) return std::nullopt;
  if (*type == "EC" && *curve == "P-256") return KeyType::p256;
  if (*type == "EC" && *curve == "P-384") return KeyType::p384;
  if (*type == "OKP" && *curve == "Ed25519") return KeyType::ed25519;
  return std::nullopt;
}

/// False for a key of another use (RFC 7517 §4.2, §4.3).
bool verifies(const Json& jwk) {
  const auto use = jwk.find("use"), operations = jwk.find("key_ops");
  if (use != jwk.end() && *use != "sig") return false;
  if (operations == jwk.end()) return true;
  return operations->is_array() &&
         std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

KeyPointer key_of(KeyType type, const Json& jwk) {
  switch (type) {
    case KeyType::rsa:
      return rsa_key(jwk);
    case KeyType::p256:
      return ec_key(jwk, "P-256", 32);
    case KeyType::p384:
      return ec_key(jwk, "P-384", 48);
    case KeyType::ed25519:
      break;
  }
  return ed25519_key(jwk);
}

}  // namespace

std::optional<std::variant<PublicKey, Fault>> key_of_jwk(const Json& jwk) {
  if (!jwk.is_object()) return Fault{"is no object; a key is {\"kty\": ..., ...}"};
  const std::string* kty = text_at(jwk, "kty");
  if (kty == nullptr) return Fault{"has no \"kty\", the type of the key"};
  if (*kty == "oct")
    return Fault{
        "is a secret (\"oct\"), which could make tokens too; remove it. Tokens need the "
        "signature of a private key"};
  if (jwk.contains("d"))
    return Fault{"is a private key; only the issuer may have it. Remove \"d\""};
  const auto type = type_of(jwk);
  if (!type || !verifies(jwk)) return std::nullopt;
  std::optional<JwtAlgorithm> only;
  if (jwk.contains("alg")) {
    const std::string* name = text_at(jwk, "alg");
    only = name == nullptr ? std::nullopt : algorithm_of(*name);
    if (!only || key_type_of(*only) != *type) return std::nullopt;
  }
  const KeyPointer key = key_of(*type, jwk);
  ERR_clear_error();
  if (key == nullptr) return Fault{"is no key of its type (RFC 7518 §6); copy it once more"};
  auto taken = PublicKey::take(key);
  if (auto* usable = std::get_if<PublicKey>(&taken)) {
    if (const std::string* id = text_at(jwk, "kid")) usable->set_id(*id);
    if (only) usable->set_only(*only);
  }
  return taken;
}

}  // namespace entrepot::access
