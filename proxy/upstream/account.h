// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "proxy/upstream/credential.h"
#include "proxy/upstream/rate_budget.h"
#include "proxy/upstream/tokens.h"

namespace entrepot::upstream {

/// One credential at one endpoint, or the anonymous user: its tokens, and what the endpoint lets it
/// do. Loop thread only.
class Account {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `credential` may be null; it and `multi` outlive this.
  Account(Multi& multi, const Timeouts& timeouts, const Credential* credential,
          const std::string& upstream)
      : credential_(credential), tokens_(multi, timeouts, credential, upstream) {}

  /// Null: anonymous.
  const Credential* credential() const { return credential_; }
  /// For the endpoint's own origin.
  Tokens& tokens() { return tokens_; }

  /// Nothing is sent on its behalf before then (429).
  Time limited_until() const { return limited_until_; }
  bool limited(Time now) const { return now < limited_until_; }
  void limit_until(Time until) { limited_until_ = std::max(limited_until_, until); }

  RateBudget& budget() { return budget_; }
  const RateBudget& budget() const { return budget_; }

 private:
  const Credential* const credential_;
  Tokens tokens_;
  Time limited_until_{};
  RateBudget budget_;
};

}  // namespace entrepot::upstream
