// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/jwt.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/access/glob.h"
#include "proxy/access/jwt/base64url.h"
#include "proxy/access/jwt/detail.h"
#include "proxy/access/jwt/json_object.h"
#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

using Json = nlohmann::json;
using Seconds = std::chrono::sys_seconds;

constexpr double last_second = 253'402'300'799;  // of the year 9999

/// Header, claims and signature; empty if there are fewer or more.
std::array<std::string_view, 3> parts_of(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos) return {};
  return {text.substr(0, first), text.substr(first + 1, second - first - 1),
          text.substr(second + 1)};
}

JwtRefusal malformed(std::string detail) { return {JwtFault::malformed, std::move(detail)}; }

/// The object in base64url.
std::optional<Json> object_of(std::string_view part) {
  const auto text = decode_base64url(part);
  return text ? parse_json_object(*text) : std::nullopt;
}

/// Reads `alg`, `kid` and `crit` (RFC 7515 §4.1).
std::optional<JwtRefusal> read_header(const Json& header, Jwt& jwt) {
  const std::string* name = text_at(header, "alg");
  if (name == nullptr) return JwtRefusal{JwtFault::algorithm, "no \"alg\""};
  const auto algorithm = algorithm_of(*name);
  if (!algorithm) return JwtRefusal{JwtFault::algorithm, member_text("alg", *name)};
  if (header.contains("crit"))
    return JwtRefusal{JwtFault::algorithm, "\"crit\" demands an extension"};
  jwt.algorithm = *algorithm;
  if (!header.contains("kid")) return std::nullopt;
  const std::string* id = text_at(header, "kid");
  if (id == nullptr) return malformed("\"kid\" is no text");
  jwt.key_id = *id;
  return std::nullopt;
}

/// A NumericDate (RFC 7519 §2); nullopt if it is none, or before 1970.
std::optional<Seconds> time_of(const Json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!(seconds >= 0)) return std::nullopt;
  return Seconds(std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, last_second))));
}

std::optional<JwtRefusal> read_time(const Json& claims, const char* name,
                                    std::optional<Seconds>& time) {
  const auto found = claims.find(name);
  if (found == claims.end()) return std::nullopt;
  time = time_of(*found);
  if (!time) return malformed("\"" + std::string(name) + "\" is no time");
  return std::nullopt;
}

/// A text, or a list of texts (RFC 7519 §4.1.3).
std::optional<JwtRefusal> read_audience(const Json& claims, Jwt& jwt) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return std::nullopt;  // no audience matches
  if (found->is_string()) {
    jwt.audience = {found->get<std::string>()};
    return std::nullopt;
  }
  if (!found->is_array()) return malformed("\"aud\" is neither text nor list");
  for (const Json& each : *found) {
    if (!each.is_string()) return malformed("\"aud\" has an entry that is no text");
    jwt.audience.push_back(each.get<std::string>());
  }
  return std::nullopt;
}

/// The claims with a meaning (RFC 7519 §4.1).
std::optional<JwtRefusal> read_registered(const Json& claims, Jwt& jwt) {
  const std::string* issuer = text_at(claims, "iss");
  if (issuer == nullptr) return malformed("no \"iss\"");
  jwt.issuer = *issuer;
  std::optional<Seconds> expires;
  if (auto refusal = read_time(claims, "exp", expires)) return refusal;
  if (!expires) return malformed("no \"exp\"");
  jwt.expires = *expires;
  if (auto refusal = read_time(claims, "nbf", jwt.not_before)) return refusal;
  if (auto refusal = read_time(claims, "iat", jwt.issued)) return refusal;
  return read_audience(claims, jwt);
}

/// Collects the values that rules can compare.
class Collector {
 public:
  explicit Collector(Claims& claims) : claims_(claims) {}

  /// False: a value has NUL or is too long, or there is too much. Recursion ends at deepest_json.
  bool collect(const Json& object, const std::string& parent) {
    for (const auto& [name, value] : object.items()) {
      const std::string pointer = ClaimName::path(parent, name);
      if (value.is_object() ? !collect(value, pointer) : !collect_value(value, pointer))
        return false;
    }
    return true;
  }

 private:
  bool collect_value(const Json& value, const std::string& pointer) {
    if (!value.is_array()) return add(value, pointer);
    return std::all_of(value.begin(), value.end(),
                       [&](const Json& each) { return add(each, pointer); });
  }

  bool add(const Json& value, const std::string& pointer) {
    if (value.is_structured() || value.is_null()) return true;
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    // A pattern of a rule would not match a longer text, also one that refuses.
    if (text.find('\0') != text.npos || text.size() > Glob::longest_text) return false;
    claims_.add(pointer, std::move(text));
    return claims_.bytes() <= most_claim_bytes;
  }

  Claims& claims_;
};

}  // namespace

bool has_form_of_jwt(std::string_view text) {
  if (!text.starts_with("eyJ")) return false;
  const auto parts = parts_of(text);
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(),
                                        [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
  });
}

std::variant<Jwt, JwtRefusal> parse_jwt(std::string_view text) {
  if (text.size() > longest_jwt) return malformed("longer than 16 KiB");
  const auto [header_part, claims_part, signature_part] = parts_of(text);
  if (header_part.empty()) return malformed("no three parts");
  const auto header = object_of(header_part);
  if (!header) return malformed("the header is no JSON object in base64url");
  Jwt jwt;
  if (auto refusal = read_header(*header, jwt)) return *std::move(refusal);
  const auto claims = object_of(claims_part);
  if (!claims) return malformed("the claims are no JSON object in base64url");
  auto signature = decode_base64url(signature_part);
  if (!signature || signature->empty()) return malformed("the signature is no base64url");
  jwt.signature = *std::move(signature);
  jwt.signed_text = text.substr(0, header_part.size() + 1 + claims_part.size());
  if (auto refusal = read_registered(*claims, jwt)) return *std::move(refusal);
  if (!Collector(jwt.claims).collect(*claims, ""))
    return malformed("a claim has NUL or more than 1023 bytes, or the claims are too large");
  return jwt;
}

}  // namespace entrepot::access
