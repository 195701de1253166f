// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "cache/base/failure.h"
#include "proxy/upstream/account/rate_gate.h"
#include "proxy/upstream/transfer/timeouts.h"

namespace entrepot::upstream {

/// Decides when tokens of one account may be requested, by the 429 of its token server. Requests
/// that have a token, or need none, do not depend on it. Loop thread only.
class TokenGate {
 public:
  using Time = RateGate::Time;

  /// `account`: its name in log lines.
  explicit TokenGate(std::string account) : account_(std::move(account)) {}

  bool closed(Time now) const { return gate_.closed(now); }
  /// A request for a token is sent, or was answered with one.
  void sent(Time now) { gate_.sent(now); }
  void let_through(Time now) { gate_.let_through(now); }
  /// The token server has answered 429, as `failure` says. Logs it.
  void limited(const cache::Failure& failure, const Timeouts& timeouts);

  /// The failure of a request that needs a token while the gate is closed; nullopt if it is open.
  /// `what` names the request.
  std::optional<cache::Failure> refusal(const std::string& what, Time now) const;
  /// Time until the next request for a token; nullopt if the token server has named the time.
  std::optional<std::chrono::milliseconds> pause_left(Time now) const {
    return gate_.pause_left(now);
  }

  /// Records that the endpoint wants a token for `repository`, so that no request without one is
  /// sent while the gate is closed. Holds 1,000 repositories; forgets them when the gate closes.
  void note_needs_token(const std::string& repository);
  bool needs_token(const std::string& repository) const { return need_token_.contains(repository); }

 private:
  const std::string account_;
  RateGate gate_;
  std::set<std::string> need_token_;
};

}  // namespace entrepot::upstream
