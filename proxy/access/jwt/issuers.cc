// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/issuers.h"

#include <algorithm>
#include <utility>

#include "proxy/access/jwt/detail.h"
#include "proxy/access/user_name.h"
#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

std::string audience_text(const std::vector<std::string>& audience) {
  if (audience.empty()) return "no \"aud\"";
  return member_text("aud", audience.front()) + (audience.size() > 1 ? " and others" : "");
}

std::optional<JwtRefusal> check_signature(const Issuer& issuer, const Jwt& jwt) {
  switch (issuer.keys.verify(jwt.algorithm, jwt.key_id, jwt.signed_text, jwt.signature)) {
    case KeySet::Result::right:
      return std::nullopt;
    case KeySet::Result::wrong:
      return JwtRefusal{JwtFault::signature, member_text("iss", jwt.issuer)};
    case KeySet::Result::unknown:
      break;
  }
  return JwtRefusal{JwtFault::unknown_key,
                    "\"alg\" is " + std::string(metrics::to_string(jwt.algorithm)) + ", " +
                        (jwt.key_id ? member_text("kid", *jwt.key_id) : "no \"kid\""),
                    {},
                    issuer.discovered};
}

std::optional<JwtRefusal> check_times(const Issuer& issuer, const Jwt& jwt,
                                      std::chrono::sys_seconds now) {
  if (now >= jwt.expires + issuer.leeway) return JwtRefusal{JwtFault::expired};
  const auto latest = now + issuer.leeway;
  if (jwt.not_before && *jwt.not_before > latest)
    return JwtRefusal{JwtFault::not_yet, "\"nbf\" is in the future"};
  if (jwt.issued && *jwt.issued > latest)
    return JwtRefusal{JwtFault::not_yet, "\"iat\" is in the future"};
  return std::nullopt;
}

std::optional<JwtRefusal> check_audience(const Issuer& issuer, const Jwt& jwt) {
  const bool meant =
      std::any_of(jwt.audience.begin(), jwt.audience.end(), [&](const std::string& audience) {
        return std::find(issuer.audiences.begin(), issuer.audiences.end(), audience) !=
               issuer.audiences.end();
      });
  if (meant) return std::nullopt;
  return JwtRefusal{JwtFault::audience, audience_text(jwt.audience)};
}

/// The user of the token; the fault of a claim that names none.
std::variant<std::string, JwtRefusal> user_of(const Issuer& issuer, const Jwt& jwt) {
  const auto* names = jwt.claims.find(issuer.user.pointer());
  if (names == nullptr)
    return JwtRefusal{JwtFault::user,
                      "no claim " + printable_excerpt(issuer.user.pointer(), longest_detail)};
  if (names->size() != 1)
    return JwtRefusal{JwtFault::user, printable_excerpt(issuer.user.pointer(), longest_detail) +
                                          " has more than one value"};
  if (const auto fault = fault_of_login_name(names->front()))
    return JwtRefusal{JwtFault::user, *fault};
  std::string user = issuer.user_prefix + names->front();
  if (const auto fault = fault_of_login_name(user)) return JwtRefusal{JwtFault::user, *fault};
  return user;
}

}  // namespace

std::size_t Identity::bytes() const {
  std::size_t sum = sizeof *this + user.size() + claims.bytes();
  for (const auto& group : groups) sum += sizeof(std::string) + group.size();
  return sum;
}

std::vector<std::string> groups_of(const Claims& claims, const ClaimName& claim) {
  const auto* names = claims.find(claim.pointer());
  if (names == nullptr) return {};
  std::vector<std::string> groups = *names;
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

std::variant<Identity, JwtRefusal> Issuers::verify(std::string_view token,
                                                   std::chrono::sys_seconds now) const {
  auto parsed = parse_jwt(token);
  if (auto* refusal = std::get_if<JwtRefusal>(&parsed)) return std::move(*refusal);
  Jwt& jwt = std::get<Jwt>(parsed);
  const auto issuer = std::find_if(issuers_.begin(), issuers_.end(),
                                   [&](const Issuer& each) { return each.name == jwt.issuer; });
  if (issuer == issuers_.end())
    return JwtRefusal{JwtFault::unknown_issuer, member_text("iss", jwt.issuer)};
  if (auto refusal = check_signature(*issuer, jwt)) return *std::move(refusal);
  auto user = user_of(*issuer, jwt);
  if (auto* refusal = std::get_if<JwtRefusal>(&user)) return std::move(*refusal);
  Identity identity{.user = std::get<std::string>(std::move(user)),
                    .groups = {},
                    .claims = {},
                    .end = jwt.expires + issuer->leeway};
  auto refusal = check_times(*issuer, jwt, now);
  if (!refusal) refusal = check_audience(*issuer, jwt);
  if (refusal) {
    refusal->user = identity.user;
    return *std::move(refusal);
  }
  if (issuer->groups) identity.groups = groups_of(jwt.claims, *issuer->groups);
  identity.claims = std::move(jwt.claims);
  return identity;
}

}  // namespace entrepot::access
