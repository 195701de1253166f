// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/admission/entrance.h"
#include "proxy/admission/listener_rules.h"
#include "proxy/admission/logins.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/published.h"
#include "proxy/registry/registry.h"

namespace entrepot::registry {

/// The handler of one listener: decides by its rules whether the sender of a request may have an
/// answer, before anything is looked up, so that a refusal tells nothing about what exists. The
/// registry answers the others.
///
///   network of the client → its login → this repository, or else: something it may pull at all
///
/// A refusal is 403; it is 401 with a challenge if a login could help, the client addresses the
/// mirror as a registry, and the listener may challenge (ListenerRules::challenge).
class Guard final : public http::Handler {
 public:
  /// `registry`, `logins`, `metrics` and `loops`, those of the listener, outlive this.
  Guard(Registry& registry, admission::Logins& logins, const metrics::Metrics& metrics,
        std::shared_ptr<const admission::ListenerRules> rules, std::vector<loop::Loop*> loops);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// Decides by `rules` about the requests from now on. Control thread only.
  void replace(std::shared_ptr<const admission::ListenerRules> rules) {
    rules_.replace(std::move(rules));
  }

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override {
    registry_.finished(exchange, stats);
  }
  std::string refused(int status, std::string_view reason, const http::Peer& peer) override {
    return registry_.refused(status, reason, peer);
  }
  void forwarding_failed(metrics::Forwarding reason, const http::Peer& proxy) override {
    registry_.forwarding_failed(reason, proxy);
  }

 private:
  /// The credentials have been verified.
  void verified(const http::ExchangePtr& exchange, const admission::Logins::Result& result);
  /// The sender is known: call.user, its address and its certificate.
  void decide(const http::ExchangePtr& exchange, Call& call, const admission::ListenerRules& rules);
  /// Refuses a client that may pull nothing.
  void refuse_everything(http::Exchange& exchange, Call& call,
                         const admission::ListenerRules& rules) const;
  /// Refuses a request that a login could help.
  void refuse_login(http::Exchange& exchange, Call& call, std::string_view message) const;
  /// Why the caller may not pull from the selected repository; nullopt: it may.
  std::optional<metrics::AccessRefusal> refusal_of(const Call& call, const access::Caller& caller,
                                                   const admission::ListenerRules& rules) const;

  Registry& registry_;
  const metrics::Metrics& metrics_;
  admission::Entrance entrance_;
  loop::Published<admission::ListenerRules> rules_;
};

}  // namespace entrepot::registry
