// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/access/claims.h"
#include "proxy/access/jwt/identity.h"
#include "proxy/access/jwt/jwt.h"
#include "proxy/access/jwt/key_set.h"
#include "proxy/access/login/sha256.h"

namespace entrepot::access {

/// An issuer of JWTs, and which of its tokens are accepted.
struct Issuer {
  std::string name;                    ///< `iss`, compared byte by byte
  std::vector<std::string> audiences;  ///< one has to be in `aud`
  KeySet keys;
  ClaimName user;                   ///< the claim with the name of the user
  std::string user_prefix = {};     ///< put before that name
  std::optional<ClaimName> groups;  ///< the claim with the names of groups
  std::chrono::seconds leeway{60};  ///< for clocks that differ
  bool discovered = false;          ///< the issuer may publish other keys than `keys` by now
};

/// The groups that the claims name in `claim`, sorted and each once.
std::vector<std::string> groups_of(const Claims& claims, const ClaimName& claim);

/// The issuers of a listener. Immutable; any thread.
class Issuers {
 public:
  /// `digest`: of the texts that the issuers were made of; equal digests: equal issuers. REQUIRES:
  /// the names differ.
  Issuers(std::vector<Issuer> issuers, const Sha256& digest)
      : issuers_(std::move(issuers)), digest_(digest) {}

  /// Verifies the signature of a token first, then its times, its audience and its user (RFC 7519
  /// §7.2). Takes up to some milliseconds of CPU time: call it on a pool.
  std::variant<Identity, JwtRefusal> verify(std::string_view token,
                                            std::chrono::sys_seconds now) const;
  const Sha256& digest() const { return digest_; }

 private:
  std::vector<Issuer> issuers_;
  Sha256 digest_;
};

}  // namespace entrepot::access
