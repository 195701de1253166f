// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "cache/base/failure.h"
#include "proxy/upstream/auth/credential.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/rate_budget.h"
#include "proxy/upstream/endpoint/rate_gate.h"

namespace entrepot::upstream {

/// One credential at one endpoint, or the anonymous user: its tokens, its rate limits at the
/// endpoint and at the token server. Loop thread only.
class Account {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `credential` may be null; it and `multi` outlive this.
  Account(CurlMulti& multi, const Timeouts& timeouts, const Credential* credential,
          const std::string& upstream)
      : credential_(credential), tokens_(multi, timeouts, credential, upstream) {}

  /// Null: anonymous.
  const Credential* credential() const { return credential_; }
  /// For the endpoint's own origin.
  Tokens& tokens() { return tokens_; }

  /// For log lines.
  std::string name() const { return credential_ ? credential_->username : "the anonymous user"; }

  /// Nothing is sent on its behalf before then (429).
  Time limited_until() const { return gate_.closed_until(); }
  bool limited(Time now) const { return gate_.closed(now); }
  RateGate& gate() { return gate_; }
  const RateGate& gate() const { return gate_; }

  /// When the token server accepts requests for this account. A request that has a token, or needs
  /// none, does not depend on it.
  RateGate& token_gate() { return token_gate_; }
  const RateGate& token_gate() const { return token_gate_; }
  /// Closes token_gate() after a 429 of the token server, whose answer `failure` is, and logs it.
  void limit_tokens(const cache::Failure& failure, const Timeouts& timeouts);
  /// Records that the endpoint wants a token for `repository`, so that no request without one is
  /// sent while token_gate() is closed. Holds 1,000 repositories; forgets them when the gate
  /// closes.
  void note_needs_token(const std::string& repository);
  bool needs_token(const std::string& repository) const { return need_token_.contains(repository); }
  /// Time until the next request for a token; nullopt if the token server has named the time.
  std::optional<std::chrono::milliseconds> token_pause(Time now) const;

  RateBudget& budget() { return budget_; }
  const RateBudget& budget() const { return budget_; }

 private:
  const Credential* const credential_;
  Tokens tokens_;
  RateGate gate_;
  RateGate token_gate_;
  std::set<std::string> need_token_;
  RateBudget budget_;
};

}  // namespace entrepot::upstream
