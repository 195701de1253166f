// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/api/requester.h"
#include "metrics/metrics.h"
#include "metrics/reasons.h"
#include "proxy/access/jwt/identity.h"
#include "proxy/admin/rights.h"
#include "proxy/admission/entrance.h"
#include "proxy/admission/listener_rules.h"
#include "proxy/admission/logins.h"
#include "proxy/http/client/line_per_client.h"
#include "proxy/http/exchange.h"

namespace entrepot::admin {

/// Whom the admin listener serves. The default serves everybody that does not use a foreign name.
/// Immutable once shared.
struct Doors {
  /// Networks, users, tokens and the challenge. Its rules about repositories are not used.
  std::shared_ptr<const admission::ListenerRules> listener =
      std::make_shared<const admission::ListenerRules>();
  Rights rights = {};
  /// Host names in lower case that the Host field may contain besides addresses and "localhost";
  /// "*.example.com" stands for every name with one label in the place of the asterisk.
  std::vector<std::string> hosts = {};
};

/// The handler of the admin listener: decides whether the sender of a request may have an answer,
/// before anything is looked up. `next` answers the others.
///
///   network → Host (DNS rebinding) → no browser that changes something → login → right
///
/// Refusals are JSON and alike for what exists and what does not. 403; 421 for a foreign Host; 401
/// with a challenge if a login could help and the listener may challenge. A right that everybody
/// has is given without a look at credentials, so that a probe never waits for the hash of a
/// password. The probes answer to every Host. Control loop only.
class AdminGuard final : public http::Handler {
 public:
  /// `next`, `logins` and `metrics` outlive this.
  AdminGuard(http::Handler& next, admission::Logins& logins, const metrics::Metrics& metrics)
      : next_(next), metrics_(metrics), entrance_(logins, metrics) {}
  AdminGuard(const AdminGuard&) = delete;
  AdminGuard& operator=(const AdminGuard&) = delete;

  /// Decides by `doors` about the requests from now on. Control loop only, or before the first one.
  void use(std::shared_ptr<const Doors> doors) { doors_ = std::move(doors); }

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, const http::Peer& peer) override {
    return next_.refused(status, reason, peer);
  }

 private:
  struct Refusal {
    int status;
    std::string message;  ///< of the reply and of the log; without quotes
  };

  /// Finds out who has sent the request, now or later.
  void identify(const http::ExchangePtr& exchange, Right needed);
  /// The credentials have been verified.
  void verified(const http::ExchangePtr& exchange, Right needed,
                const admission::Logins::Result& result);
  /// The sender is known. `identity`: of its JWT, or null.
  void decide(const http::ExchangePtr& exchange, Right needed, std::string_view user,
              const access::Identity* identity);
  /// Gives the request to `next_`, with the name of who wants to change something.
  void pass(const http::ExchangePtr& exchange, Right needed, const access::Caller& caller);
  /// Refuses a request that a login could help.
  void refuse_login(http::Exchange& exchange, std::string message);
  void refuse_right(http::Exchange& exchange, Right lacking);
  /// Replies, and logs: a line at level info for each client and hour.
  void refuse(http::Exchange& exchange, const Refusal& refusal);

  http::Handler& next_;
  const metrics::Metrics& metrics_;
  admission::Entrance entrance_;
  http::LinePerClient refusal_lines_;
  std::shared_ptr<const Doors> doors_ = std::make_shared<const Doors>();
};

}  // namespace entrepot::admin
