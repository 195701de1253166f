// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "proxy/upstream/account/account_record.h"
#include "proxy/upstream/account/rate_budget.h"
#include "proxy/upstream/account/rate_gate.h"
#include "proxy/upstream/account/token_gate.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/auth/waiter_list.h"
#include "proxy/upstream/wire/credential.h"

namespace entrepot::upstream {

/// One credential at one endpoint, or the anonymous user: its tokens, whether it
/// is accepted, its rate limits at the endpoint and at the token server. Loop thread only, but for
/// its record, which the loops share.
class Account {
 public:
  class TurnSink {
   public:
    virtual ~TurnSink() = default;
    /// AccountRecord::next_step() may have another result now.
    virtual void on_turn() = 0;
  };
  using Time = std::chrono::steady_clock::time_point;

  /// `credential` may be null; it and `multi` outlive this.
  Account(CurlMulti& multi, const Timeouts& timeouts, const Credential* credential,
          const std::string& upstream, std::shared_ptr<AccountRecord> record)
      : credential_(credential),
        tokens_(multi, timeouts, credential, upstream),
        token_gate_(credential ? credential->username : "the anonymous user"),
        record_(std::move(record)) {}

  /// Null: anonymous.
  const Credential* credential() const { return credential_; }
  /// For the endpoint's own origin.
  Tokens& tokens() { return tokens_; }

  /// Nothing is sent on its behalf before then (429).
  Time limited_until() const { return gate_.closed_until(); }
  bool limited(Time now) const { return gate_.closed(now); }
  RateGate& gate() { return gate_; }
  const RateGate& gate() const { return gate_; }

  TokenGate& token_gate() { return token_gate_; }
  const TokenGate& token_gate() const { return token_gate_; }

  /// Whether the endpoint accepts it, which is meaningless without a credential; whether its rate
  /// limit is saved.
  AccountRecord& record() const { return *record_; }
  /// The logins that wait until they may send the password (PasswordProof::Step::wait).
  WaiterList<TurnSink>& turns() { return turns_; }

  RateBudget& budget() { return budget_; }
  const RateBudget& budget() const { return budget_; }

 private:
  const Credential* const credential_;
  Tokens tokens_;
  RateGate gate_;
  TokenGate token_gate_;
  const std::shared_ptr<AccountRecord> record_;
  WaiterList<TurnSink> turns_;
  RateBudget budget_;
};

}  // namespace entrepot::upstream
