// SPDX-License-Identifier: Apache-2.0
// A JWT: a sender's text, and what the rules get of it.
#include "proxy/access/jwt/jwt.h"

#include "proxy/access/jwt/base64url.h"
#include "proxy/access/jwt/issuers.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

void check_text(std::string_view text) {
  for (const char c : text) require(c >= ' ' && c != '\x7f', "a control character told");
}

void check_claims(const access::Claims& claims) {
  require(claims.bytes() <= access::most_claim_bytes, "claims above the bound");
  for (const auto& [pointer, values] : claims.all()) {
    require(pointer.starts_with('/'), "a claim without a path");
    require(!values.empty(), "a claim without a value");
    for (const auto& value : values)
      require(value.find('\0') == value.npos, "NUL in a value, which no pattern can take");
  }
}

}  // namespace

void run(std::string_view input) {
  static const access::Issuers issuers({}, {});
  const auto refused = issuers.verify(input, {});
  require(std::holds_alternative<access::JwtRefusal>(refused), "a token of no issuer");
  auto parsed = access::parse_jwt(input);
  if (const auto* refusal = std::get_if<access::JwtRefusal>(&parsed)) {
    check_text(refusal->detail);
    require(refusal->user.empty(), "a user who is not verified");
    return;
  }
  const auto& jwt = std::get<access::Jwt>(parsed);
  require(jwt.expires.time_since_epoch().count() >= 0, "an end before 1970");
  require(!jwt.signature.empty(), "no signature");
  require(input.starts_with(jwt.signed_text) && input[jwt.signed_text.size()] == '.',
          "another text is signed");
  require(access::decode_base64url(input.substr(jwt.signed_text.size() + 1)) == jwt.signature,
          "another signature");
  check_claims(jwt.claims);
  check_text(std::get<access::JwtRefusal>(refused).detail);
}

}  // namespace entrepot::fuzz
