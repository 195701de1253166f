// SPDX-License-Identifier: Apache-2.0
#include "proxy/admission/entrance.h"

#include <cstddef>
#include <span>
#include <string>

#include "metrics/log.h"
#include "proxy/access/jwt/jwt.h"
#include "proxy/access/login/token.h"
#include "proxy/base/text.h"

namespace entrepot::admission {
namespace {

constexpr std::size_t longest_logged_name = 64;

}  // namespace

bool Entrance::admits(const ListenerRules& rules, const http::Peer& peer) const {
  if (rules.admits(peer.ip)) return true;
  metrics_.logins().refused(metrics::AccessRefusal::network).add();
  return false;
}

void Entrance::log_failure(const http::Peer& peer, const Logins::Result& result) {
  // Some clients send a token in the place of the user.
  const bool secret =
      result.user.starts_with(access::token_prefix) || access::has_form_of_jwt(result.user);
  const std::string user = secret ? "…" : printable_excerpt(result.user, longest_logged_name);
  const std::string cause = std::string(to_string(result.result)) +
                            (result.detail.empty() ? "" : " (" + result.detail + ")");
  log::debug("{}: login of \"{}\": {}", peer.name, user, cause);
  if (failure_lines_.take(peer.address, http::LinePerClient::Clock::now()))
    log::info(
        "client {} sends credentials that are not accepted: {}, user \"{}\"; correct them in its "
        "configuration (further failures of this client within the hour have no line)",
        peer.address.text(), cause, user);
}

access::Caller caller_of(const http::Peer& peer, std::string_view user,
                         const access::Identity* identity) {
  access::Caller caller;
  caller.address = peer.ip;
  caller.user = user;
  if (identity != nullptr) {
    caller.claims = &identity->claims;
    caller.groups = identity->groups;
  }
  caller.uid = peer.uid;
  if (peer.certificate != nullptr) caller.certificate = std::span(*peer.certificate);
  return caller;
}

}  // namespace entrepot::admission
