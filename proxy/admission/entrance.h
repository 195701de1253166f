// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "metrics/metrics.h"
#include "metrics/reasons.h"
#include "proxy/access/caller.h"
#include "proxy/access/jwt/identity.h"
#include "proxy/access/login/authorization.h"
#include "proxy/admission/listener_rules.h"
#include "proxy/admission/logins.h"
#include "proxy/http/client/client_address.h"
#include "proxy/http/client/line_per_client.h"

namespace entrepot::admission {

/// The challenge of a listener (RFC 7617); UTF-8, because the file of the users is compared by
/// bytes.
inline constexpr std::string_view challenge = R"(Basic realm="Entrepot", charset="UTF-8")";

/// The knowledge about the sender of a request before the rules decide.
enum class Entry : std::uint8_t {
  nameless,  ///< it shows no credentials, or the listener does not look at them
  checked,   ///< Arrival::result has the result for its credentials, which may be a failure
  waits,     ///< its credentials are being verified
  busy,      ///< too many wait for that: the request has to be refused with 503
};

struct Arrival {
  Entry entry = Entry::nameless;
  std::optional<Logins::Result> result = {};  ///< of `checked`
};

/// The first steps of every request to a listener, in this order: its network, then its login. The
/// owner decides afterwards what the sender may do. Counts the refusals and failures. One object
/// for each listener; any thread.
class Entrance {
 public:
  /// `logins` and `metrics` outlive this.
  Entrance(Logins& logins, const metrics::Metrics& metrics) : logins_(logins), metrics_(metrics) {}
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  /// False: the address of the client is in none of the networks.
  bool admits(const ListenerRules& rules, const http::Peer& peer) const;

  /// `authorization`: the value of the field; empty without one. `waiter` makes the
  /// Logins::Waiter, and is called only if the credentials have to be verified.
  template <typename MakeWaiter>
  Arrival identify(const ListenerRules& rules, std::string_view authorization,
                   const MakeWaiter& waiter) {
    if (!rules.logins || authorization.empty()) return {};
    auto credentials = access::Authorization::parse(authorization);
    if (credentials.kind() == access::AuthorizationKind::none) return {};
    if (auto result = logins_.recall(rules, credentials))
      return {Entry::checked, std::move(result)};
    const bool begun = logins_.verify(rules, std::move(credentials), waiter());
    return {begun ? Entry::waits : Entry::busy};
  }

  /// Logs credentials that were not accepted: a line at level info for each client and hour.
  void log_failure(const http::Peer& peer, const Logins::Result& result);

 private:
  Logins& logins_;
  const metrics::Metrics& metrics_;
  http::LinePerClient failure_lines_;
};

/// The client for the rules. `user`: of its verified login; empty without one. `identity`: of its
/// JWT, or null. The result refers to all of them.
access::Caller caller_of(const http::Peer& peer, std::string_view user,
                         const access::Identity* identity);

/// Whether a login could change the decision about a client with this `user`.
inline bool could_log_in(const ListenerRules& rules, std::string_view user) {
  return rules.logins && user.empty();
}

}  // namespace entrepot::admission

namespace entrepot::metrics {

template <>
inline constexpr auto words<admission::Entry> = make_words<admission::Entry>({
    {admission::Entry::nameless, "nameless"},
    {admission::Entry::checked, "checked"},
    {admission::Entry::waits, "waits"},
    {admission::Entry::busy, "busy"},
});

}  // namespace entrepot::metrics
