// SPDX-License-Identifier: Apache-2.0
// Keys of issuers, and the tokens that they sign.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access/jwt/algorithm.h"

namespace entrepot::access {

/// Base64url without padding.
inline std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

/// A private key of an issuer, made by OpenSSL.
class SigningKey {
 public:
  explicit SigningKey(KeyType type, unsigned rsa_bits = 2048) : type_(type) {
    switch (type) {
      case KeyType::rsa:
        key_.reset(EVP_RSA_gen(rsa_bits));
        break;
      case KeyType::p256:
        key_.reset(EVP_EC_gen("P-256"));
        break;
      case KeyType::p384:
        key_.reset(EVP_EC_gen("P-384"));
        break;
      case KeyType::ed25519:
        key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        break;
    }
  }

  /// "BEGIN PUBLIC KEY".
  std::string pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(out, key_.get());
    return taken(out);
  }
  std::string private_pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return taken(out);
  }
  /// A JWK of the public key; `more`: further members, such as `,"kid":"1"`.
  std::string jwk(const std::string& more = "") const {
    if (type_ == KeyType::rsa)
      return R"({"kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
             number(OSSL_PKEY_PARAM_RSA_E, 0) + "\"" + more + "}";
    if (type_ == KeyType::ed25519)
      return R"({"kty":"OKP","crv":"Ed25519","x":")" + raw() + "\"" + more + "}";
    const bool small = type_ == KeyType::p256;
    const std::size_t size = small ? 32 : 48;
    return R"({"kty":"EC","crv":")" + std::string(small ? "P-256" : "P-384") + R"(","x":")" +
           number(OSSL_PKEY_PARAM_EC_PUB_X, size) + R"(","y":")" +
           number(OSSL_PKEY_PARAM_EC_PUB_Y, size) + "\"" + more + "}";
  }

  /// The signature in the form of JWS.
  std::string sign(JwtAlgorithm algorithm, std::string_view text) const {
    const std::string name(metrics::to_string(algorithm));
    const EVP_MD* hash = name.ends_with("256")   ? EVP_sha256()
                         : name.ends_with("384") ? EVP_sha384()
                         : name.ends_with("512") ? EVP_sha512()
                                                 : nullptr;
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* of_key = nullptr;
    EVP_DigestSignInit(context, &of_key, hash, nullptr, key_.get());
    if (name.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    EVP_DigestSign(context, nullptr, &size, bytes, text.size());
    std::vector<unsigned char> signature(size);
    EVP_DigestSign(context, signature.data(), &size, bytes, text.size());
    EVP_MD_CTX_free(context);
    signature.resize(size);
    const std::string made(signature.begin(), signature.end());
    return name.starts_with("ES") ? jws_form(made) : made;
  }

  /// A token of these members of the header and of the claims.
  std::string token(JwtAlgorithm algorithm, const std::string& claims,
                    const std::string& more_header = "") const {
    const std::string text = base64url(R"({"alg":")" + std::string(metrics::to_string(algorithm)) +
                                       "\"" + more_header + "}") +
                             "." + base64url(claims);
    return text + "." + base64url(sign(algorithm, text));
  }

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };

  static std::string taken(BIO* out) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }

  std::string number(const char* name, std::size_t size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    std::string bytes(size != 0 ? size : static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
                 static_cast<int>(bytes.size()));
    BN_free(value);
    return base64url(bytes);
  }

  std::string raw() const {
    std::string bytes(32, '\0');
    std::size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size);
    return base64url(bytes);
  }

  std::string jws_form(const std::string& der) const {
    const int size = type_ == KeyType::p256 ? 32 : 48;
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* both = d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()));
    std::string form(static_cast<std::size_t>(2 * size), '\0');
    auto* out = reinterpret_cast<unsigned char*>(form.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(both), out, size);
    BN_bn2binpad(ECDSA_SIG_get0_s(both), out + size, size);
    ECDSA_SIG_free(both);
    return form;
  }

  KeyType type_;
  std::unique_ptr<EVP_PKEY, FreeKey> key_;
};

}  // namespace entrepot::access
