// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/word_table.h"

namespace entrepot::access {

/// The signature algorithms of JWTs that are accepted (RFC 7518 §3.1, RFC 8037 §3.1). "none" and
/// those of HMAC are not among them, because who can verify by HMAC can also sign.
enum class JwtAlgorithm : std::uint8_t {
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  es256,
  es384,
  eddsa,  ///< with Ed25519
};

/// The key types of these algorithms.
enum class KeyType : std::uint8_t {
  rsa,
  p256,
  p384,
  ed25519,
};

/// The algorithm with this name in `alg`; with case. nullopt for every other name.
std::optional<JwtAlgorithm> algorithm_of(std::string_view name);
/// The type of the keys of an algorithm.
KeyType key_type_of(JwtAlgorithm algorithm);

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::JwtAlgorithm> = make_words<access::JwtAlgorithm>({
    {access::JwtAlgorithm::rs256, "RS256"},
    {access::JwtAlgorithm::rs384, "RS384"},
    {access::JwtAlgorithm::rs512, "RS512"},
    {access::JwtAlgorithm::ps256, "PS256"},
    {access::JwtAlgorithm::ps384, "PS384"},
    {access::JwtAlgorithm::ps512, "PS512"},
    {access::JwtAlgorithm::es256, "ES256"},
    {access::JwtAlgorithm::es384, "ES384"},
    {access::JwtAlgorithm::eddsa, "EdDSA"},
});

}  // namespace entrepot::metrics
