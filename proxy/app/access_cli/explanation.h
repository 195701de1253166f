// SPDX-License-Identifier: Apache-2.0
// The answer of `entrepot access explain`, without its input and output. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "proxy/access/caller.h"
#include "proxy/access/claims.h"
#include "proxy/access/rules.h"
#include "proxy/base/network.h"

namespace entrepot::app {

/// An issuer of JWTs as the explanation needs it.
struct ExplainedIssuer {
  std::string name;                         ///< the claim `iss`
  std::optional<access::ClaimName> groups;  ///< the claim with groups
};

/// A listener as the explanation needs it.
struct ExplainedListener {
  std::string place = {};                     ///< "listen[0] 127.0.0.1:5000"
  bool logins = false;                        ///< false: the credentials of requests are ignored
  std::vector<ExplainedIssuer> issuers = {};  ///< empty: a JWT is refused
  bool asks_for_certificate = false;
  bool needs_certificate = false;
  bool unix_socket = false;            ///< its clients have a user id, others an address
  bool behind_proxies = false;         ///< trusted proxies tell the addresses of clients
  std::vector<Network> networks = {};  ///< empty: all

  bool knows_addresses() const { return !unix_socket || behind_proxies; }
};

/// The listener `index` of a configuration. `networks`: those of the listener, parsed.
ExplainedListener explained_listener(const conf::Listener& listener, std::size_t index,
                                     std::vector<Network> networks);

struct Explanation {
  std::vector<std::string> lines;  ///< safe for a terminal
  bool allowed = false;            ///< by one of the listeners at least
};

/// Explains whether a client may pull a repository. `rules`: null without rules and deny lists.
/// `upstream`: the configured name; `repository`: as the upstream names it. The lines of
/// Rules::explain() come first, then one for each listener, because a listener without logins does
/// not know the user, and then the decision. A caller with claims has sent a JWT; its groups are
/// those that the issuer's claim names, or, without the claim `iss`, that of any issuer. Whether
/// the user exists, and its password, are not looked at. An unknown address of the caller is in no
/// network of a rule; networks of listeners are then left out, and the line says so. A unix socket
/// serves callers with a user id only, and behind trusted proxies those with an address.
Explanation explain(const access::Rules* rules, const std::vector<ExplainedListener>& listeners,
                    const access::Caller& caller, std::string_view upstream,
                    std::string_view repository);

}  // namespace entrepot::app
