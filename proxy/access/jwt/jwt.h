// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/access/claims.h"
#include "proxy/access/jwt/algorithm.h"

namespace entrepot::access {

/// The reason for which a JWT is refused.
enum class JwtFault : std::uint8_t {
  malformed,       ///< no JWT, without `exp`, or with a claim of a wrong type
  algorithm,       ///< `alg` is none of JwtAlgorithm, or `crit` demands an extension
  unknown_issuer,  ///< `iss` is no configured issuer
  unknown_key,     ///< the issuer has no key of this `kid` and algorithm
  signature,       ///< no key of the issuer has signed it
  expired,         ///< `exp` has passed
  not_yet,         ///< `nbf` or `iat` is in the future
  audience,        ///< `aud` has no configured audience
  user,            ///< it names no user, or one that the listener knows by other means
};

struct JwtRefusal {
  JwtFault fault;
  /// The part that is at fault, for the log: `"iss" is "https://other"`. At most about 100 bytes,
  /// safe for a terminal. Before the signature is verified, it has the sender's words.
  std::string detail = {};
  std::string user = {};  ///< once the signature is verified; empty before
  /// The keys are those of a discovery, and a newer key may have signed the token.
  bool keys_may_be_old = false;
};

/// A JWT in the compact form (RFC 7515 §3.1, RFC 7519), parsed and not verified.
struct Jwt {
  JwtAlgorithm algorithm = JwtAlgorithm::rs256;
  std::optional<std::string> key_id;  ///< `kid`
  std::string_view signed_text;       ///< a view into the text that was parsed
  std::string signature;
  std::string issuer;
  std::vector<std::string> audience;
  std::chrono::sys_seconds expires;                    ///< `exp`, of the year 9999 at most
  std::optional<std::chrono::sys_seconds> not_before;  ///< `nbf`
  std::optional<std::chrono::sys_seconds> issued;      ///< `iat`
  Claims claims;  ///< all of them; without null and the objects in lists
};

inline constexpr std::size_t longest_jwt = 16 << 10;  ///< bytes
/// Bytes of Claims; a token can name the same long path many times.
inline constexpr std::size_t most_claim_bytes = 64 << 10;

/// True for three parts of base64url with dots between them, the first of which begins like the
/// base64url of "{" and a quotation mark, "eyJ". Tokens of TokenFile have no dot. Allocates
/// nothing.
bool has_form_of_jwt(std::string_view text);

/// Parses a JWT. Refuses longer ones than longest_jwt, keys that an object has twice, values with
/// NUL, values of more than
/// Glob::longest_text bytes, and claims of more than most_claim_bytes. Never throws because of
/// `text`. Pure; any thread.
std::variant<Jwt, JwtRefusal> parse_jwt(std::string_view text);

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::JwtFault> = make_words<access::JwtFault>({
    {access::JwtFault::malformed, "malformed"},
    {access::JwtFault::algorithm, "algorithm"},
    {access::JwtFault::unknown_issuer, "unknown-issuer"},
    {access::JwtFault::unknown_key, "unknown-key"},
    {access::JwtFault::signature, "signature"},
    {access::JwtFault::expired, "expired"},
    {access::JwtFault::not_yet, "not-yet"},
    {access::JwtFault::audience, "audience"},
    {access::JwtFault::user, "user"},
});

}  // namespace entrepot::metrics
