// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "metrics/reasons.h"
#include "proxy/access/caller.h"
#include "proxy/access/jwt/issuers.h"
#include "proxy/access/login/password_file.h"
#include "proxy/access/login/token_file.h"
#include "proxy/access/rules.h"
#include "proxy/base/ip_address.h"
#include "proxy/base/network.h"

namespace entrepot::admission {

/// Whom one listener serves. The default serves everybody. Immutable once shared; any thread.
struct ListenerRules : std::enable_shared_from_this<ListenerRules> {
  std::vector<Network> networks;  ///< of the clients; empty: all
  bool logins = false;            ///< false: the credentials of requests are ignored
  access::PasswordFile users;
  access::TokenFile tokens;
  std::shared_ptr<const access::Issuers> issuers;  ///< of JWTs; null: none is accepted
  /// Requests that name the registry themselves get a challenge (401). Others never do, because old
  /// versions of Docker would answer it with their password for Docker Hub.
  bool challenge = true;
  /// Without `access`: only callers with a login, a certificate or a uid may pull.
  bool named_only = false;
  /// The rules and the deny lists that all listeners share. Null: there are none.
  std::shared_ptr<const access::Rules> access;

  /// Serves every request without looking at its sender.
  bool open() const { return networks.empty() && !logins && !named_only && access == nullptr; }
  /// Two clients may get different answers to the same request.
  bool depends_on_client() const {
    return !networks.empty() || logins || named_only || (access != nullptr && access->has_rules());
  }
  bool admits(const IpAddress& address) const;
  /// Whether the caller may pull something at all.
  bool serves(const access::Caller& caller) const;
  /// Whether the caller may pull from this repository. nullopt: it may.
  std::optional<metrics::AccessRefusal> refusal(const access::Caller& caller,
                                                std::string_view upstream,
                                                std::string_view repository) const;
};

}  // namespace entrepot::admission
