// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/access/claims.h"
#include "proxy/base/ip_address.h"

namespace entrepot::access {

/// A client, as far as the mirror has verified it. Views: valid during one decision.
struct Caller {
  IpAddress address;  ///< unknown on a Unix socket
  /// The user of a verified login or JWT, or the name of a valid token; empty: none.
  std::string_view user;
  const Claims* claims = nullptr;       ///< of a verified JWT; null: none
  std::span<const std::string> groups;  ///< which a verified JWT names, sorted
  /// The names of a verified client certificate: "CN=node-1", "O=build", "OU=lab",
  /// "DNS=node-1.example", "URI=spiffe://example/node-1", "EMAIL=node@example". Empty: none.
  std::span<const std::string> certificate;
  std::optional<uid_t> uid;  ///< of the peer of a Unix socket, from the kernel

  /// No login, no certificate and no user id.
  bool anonymous() const { return user.empty() && certificate.empty() && !uid; }
};

/// Describes a caller for a person: "user ci, claim azp=build, certificate CN=node-1, uid
/// 1000, 10.0.0.7". Safe for a terminal.
std::string caller_text(const Caller& caller);

}  // namespace entrepot::access
