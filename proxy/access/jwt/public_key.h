// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/access/jwt/algorithm.h"
#include "proxy/access/problem.h"

struct evp_pkey_st;  // EVP_PKEY of OpenSSL

namespace entrepot::access {

/// A key of an issuer. Immutable once shared; any thread.
class PublicKey {
 public:
  /// Bits of an RSA key (RFC 7518 §3.3); larger ones take too long to verify with.
  static constexpr int least_rsa_bits = 2048, most_rsa_bits = 8192;

  /// Takes a key of OpenSSL. The fault of a key that no algorithm of JwtAlgorithm uses, and of an
  /// RSA key that is too short, too long, or has an exponent of more than 64 bits.
  static std::variant<PublicKey, Fault> take(std::shared_ptr<evp_pkey_st> key);

  /// Limits the key to tokens with this `kid`, besides tokens without one.
  void set_id(std::string id) { id_ = std::move(id); }
  /// Limits the key to one algorithm.
  void set_only(JwtAlgorithm only) { only_ = only; }

  KeyType type() const { return type_; }
  /// True if a token with this algorithm and this `kid` may be signed by the key. A key without an
  /// id, as of a PEM file, serves every `kid`.
  bool serves(JwtAlgorithm algorithm, const std::optional<std::string>& id) const;
  /// True if `signature`, in the form of JWS (RFC 7518 §3.4 for ECDSA), is one of `text`. REQUIRES:
  /// the type of the key is that of the algorithm. Takes up to a millisecond of CPU time.
  bool verify(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const;

 private:
  PublicKey(KeyType type, std::shared_ptr<evp_pkey_st> key) : type_(type), key_(std::move(key)) {}

  KeyType type_;
  std::shared_ptr<evp_pkey_st> key_;
  std::optional<std::string> id_;
  std::optional<JwtAlgorithm> only_;
};

}  // namespace entrepot::access
