// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "metrics/metrics.h"
#include "metrics/phase_variable.h"
#include "proxy/upstream/account/account.h"
#include "proxy/upstream/account/account_check_phase.h"
#include "proxy/upstream/account/account_verdict.h"
#include "proxy/upstream/account/password_turn.h"
#include "proxy/upstream/auth/auth_scheme.h"
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/auth/token_fetch.h"
#include "proxy/upstream/auth/waiter_list.h"
#include "proxy/upstream/endpoint/endpoint_address.h"

namespace entrepot::upstream {

/// Logs an account in at an endpoint as `docker login` does, without a repository, and reports the
/// result to its AccountRecord: the challenge of /v2/, a new token if it wants one, and /v2/ with
/// the token or the password. The password goes where Login would send it, nowhere else.
///
/// Made on demand, once for all that wait on any loop, and by itself while the account is refused
/// or suspected (AccountHealth::check_due). Loop thread only.
class AccountCheck : private BaseChallenge::Sink, private TransferSink {
 public:
  using Sink = VerdictSink;
  using Wait = VerdictWait;

  /// The parts of an endpoint that it uses; all outlive it.
  struct Parts {
    CurlMulti& multi;
    const EndpointAddress& address;
    BaseChallenge& base_challenge;
    const metrics::EndpointMetrics& metrics;
  };
  /// Called when the account is refused, or accepted again, before the callers get the verdict.
  /// `why`: the response that decided, one phrase.
  using Changed = std::function<void(const Account& account, const std::string& why)>;

  /// `account` has a credential, and outlives this.
  AccountCheck(const Parts& parts, Account& account, Changed changed);
  ~AccountCheck() override;
  AccountCheck(const AccountCheck&) = delete;
  AccountCheck& operator=(const AccountCheck&) = delete;

  Account& account() const { return account_; }
  /// The record of the account may have changed: a check of another loop may have ended.
  void record_changed();
  /// The response that decided the last check, one phrase; empty where there was none.
  const std::string& why() const { return why_; }
  /// Waits for a verdict; begins a check unless one runs. `tried`: the scheme by which the account
  /// was refused, for an endpoint whose /v2/ names none; may be null. `since`: an `accepted` of a
  /// check that began earlier does not do (AccountRecord::known); but one that runs already is
  /// waited for, so that the caller looks at AccountRecord::accepted_since(). The sink outlives the
  /// Wait.
  [[nodiscard]] std::unique_ptr<Wait> request(Sink& sink, const AuthScheme* tried,
                                              AccountRecord::Time since = {});
  /// Begins a check if one is due. Called each second.
  void maintain();

 private:
  void on_base_answer(const BaseAnswer& answer) override;
  Disposition on_head(const ResponseHead& head) override;
  void on_end(const TransferEnd& end) override;

  void begin(const AuthScheme* tried, AccountRecord::Time since);
  void request_base_challenge();
  void request_token(const AuthScheme& scheme);
  void on_token(TokenFetch::Result result);
  void request_base(std::string authorization);
  void finish();

  const Parts parts_;
  Account& account_;
  const Changed changed_;
  WaiterList<Sink> waiters_;

  PhaseVariable<AccountCheckPhase> phase_{AccountCheckPhase::idle};
  std::optional<AuthScheme> tried_;
  AccountEvidence evidence_;  ///< of the running check
  std::string why_;           ///< the last response
  std::unique_ptr<BaseChallenge::Wait> base_wait_;
  std::unique_ptr<TokenFetch> token_;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace entrepot::upstream
