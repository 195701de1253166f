// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/access/jwt/algorithm.h"
#include "proxy/access/jwt/public_key.h"
#include "proxy/access/problem.h"

namespace entrepot::access {

/// The keys of an issuer. Immutable after parse(); any thread.
class KeySet {
 public:
  static constexpr std::size_t max_size = 1 << 20;  ///< bytes of a file
  static constexpr std::size_t max_keys = 64;       ///< a token may be verified with each of them

  /// No keys.
  KeySet() = default;
  /// Parses a JWK Set (RFC 7517 §5), or one or more public keys in PEM ("BEGIN PUBLIC KEY", RFC
  /// 7468 §13). Keys of a JWK Set of another type, curve, algorithm or use are left out (RFC 7517
  /// §5). Otherwise every problem with the place of its key (`keys[2]`): a key that cannot be used,
  /// a private or secret one, too many keys, and a set without a key that can verify a token.
  static std::variant<KeySet, std::vector<Problem>> parse(std::string_view text);

  /// True if a key of the set has signed `text`. `id`: the `kid` of the token; without one, each
  /// key of the algorithm's type is tried.
  enum class Result : std::uint8_t {
    right,
    wrong,    ///< no key that may have signed it has
    unknown,  ///< no key has this type, algorithm and `kid`
  };
  Result verify(JwtAlgorithm algorithm, const std::optional<std::string>& id, std::string_view text,
                std::string_view signature) const;
  std::size_t size() const { return keys_.size(); }

 private:
  explicit KeySet(std::vector<PublicKey> keys) : keys_(std::move(keys)) {}

  std::vector<PublicKey> keys_;
};

}  // namespace entrepot::access
