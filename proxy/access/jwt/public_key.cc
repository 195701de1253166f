// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/public_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include <array>

#include "proxy/access/jwt/openssl_pointers.h"

namespace entrepot::access {
namespace {

constexpr int most_exponent_bits = 64;

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

openssl::BigNumber number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return nullptr;
  return openssl::BigNumber(number);
}

std::optional<std::string> fault_of_rsa(const EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < PublicKey::least_rsa_bits || bits > PublicKey::most_rsa_bits)
    return "the RSA key has " + std::to_string(bits) + " bits; make one with " +
           std::to_string(PublicKey::least_rsa_bits) + " to " +
           std::to_string(PublicKey::most_rsa_bits);
  const auto modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
  const auto exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  if (!modulus || !exponent || BN_is_odd(modulus.get()) == 0 || BN_is_odd(exponent.get()) == 0 ||
      BN_is_one(exponent.get()) == 1 || BN_num_bits(exponent.get()) > most_exponent_bits)
    return "the RSA key has a modulus or an exponent that no RSA key has";
  return std::nullopt;
}

std::optional<KeyType> ec_type_of(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return std::nullopt;
  const int curve = OBJ_sn2nid(group.data());
  if (curve == NID_X9_62_prime256v1) return KeyType::p256;
  if (curve == NID_secp384r1) return KeyType::p384;
  return std::nullopt;
}

const EVP_MD* digest_of(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::rs256:
    case JwtAlgorithm::ps256:
    case JwtAlgorithm::es256:
      return EVP_sha256();
    case JwtAlgorithm::rs384:
    case JwtAlgorithm::ps384:
    case JwtAlgorithm::es384:
      return EVP_sha384();
    case JwtAlgorithm::rs512:
    case JwtAlgorithm::ps512:
      return EVP_sha512();
    case JwtAlgorithm::eddsa:
      break;
  }
  return nullptr;  // Ed25519 hashes by itself
}

bool is_pss(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::ps256 || algorithm == JwtAlgorithm::ps384 ||
         algorithm == JwtAlgorithm::ps512;
}

/// The salt is as long as the hash, and MGF1 has the same hash (RFC 7518 §3.5).
bool set_padding(EVP_PKEY_CTX* context, JwtAlgorithm algorithm) {
  if (key_type_of(algorithm) != KeyType::rsa) return true;
  if (!is_pss(algorithm)) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/// The DER form of an ECDSA signature, whose JWS form is two numbers of equal, fixed length (RFC
/// 7518 §3.4); empty for another length.
std::string der_of(std::string_view signature, std::size_t number_size) {
  if (signature.size() != 2 * number_size) return {};
  const int size = static_cast<int>(number_size);
  openssl::BigNumber r(BN_bin2bn(unsigned_bytes(signature), size, nullptr));
  openssl::BigNumber s(BN_bin2bn(unsigned_bytes(signature) + number_size, size, nullptr));
  const openssl::EcdsaSignature both(ECDSA_SIG_new());
  if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
  // `both` owns the numbers now.
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* bytes = nullptr;
  const int length = i2d_ECDSA_SIG(both.get(), &bytes);
  if (length <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

std::variant<PublicKey, Fault> PublicKey::take(std::shared_ptr<evp_pkey_st> key) {
  std::optional<KeyType> type;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    if (auto fault = fault_of_rsa(key.get())) return Fault{std::move(*fault)};
    type = KeyType::rsa;
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    type = ec_type_of(key.get());
  } else if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
    type = KeyType::ed25519;
  }
  if (!type) return Fault{"keys are RSA, P-256, P-384 or Ed25519, and this is another one"};
  return PublicKey(*type, std::move(key));
}

bool PublicKey::serves(JwtAlgorithm algorithm, const std::optional<std::string>& id) const {
  if (key_type_of(algorithm) != type_ || (only_ && *only_ != algorithm)) return false;
  return !id || !id_ || *id == *id_;
}

bool PublicKey::verify(JwtAlgorithm algorithm, std::string_view text,
                       std::string_view signature) const {
  // RFC 8017, sections 8.1.2 and 8.2.2, step 1: any other length is wrong, also if the number is
  // right.
  if (type_ == KeyType::rsa &&
      signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())))
    return false;
  std::string der;
  if (type_ == KeyType::p256 || type_ == KeyType::p384) {
    der = der_of(signature, type_ == KeyType::p256 ? 32 : 48);
    signature = der;
  }
  const openssl::DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;  // belongs to `context`
  const bool right = !signature.empty() && context &&
                     EVP_DigestVerifyInit(context.get(), &of_key, digest_of(algorithm), nullptr,
                                          key_.get()) == 1 &&
                     set_padding(of_key, algorithm) &&
                     EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(),
                                      unsigned_bytes(text), text.size()) == 1;
  ERR_clear_error();  // those of a wrong signature
  return right;
}

}  // namespace entrepot::access
