// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/upstream/account/accounts.h"
#include "proxy/upstream/endpoint/account_check.h"

namespace entrepot::upstream {

/// The checks of all accounts of one endpoint. Logs that an account is refused, or accepted again,
/// and lets the accounts choose who sends when a check ends, on this loop or another. Loop thread
/// only.
class AccountChecks : public AccountChecker {
 public:
  /// All outlive this.
  AccountChecks(const AccountCheck::Parts& parts, Accounts& accounts);
  ~AccountChecks() override { retire(); }
  AccountChecks(const AccountChecks&) = delete;
  AccountChecks& operator=(const AccountChecks&) = delete;

  /// REQUIRES: `account` is one of the accounts, and has a credential.
  AccountCheck& of(const Account& account);
  std::unique_ptr<VerdictWait> check(const Account& account, VerdictSink& sink,
                                     const AuthScheme* tried) override {
    return of(account).request(sink, tried, std::chrono::steady_clock::now());
  }
  /// See AccountCheck::maintain().
  void maintain();
  /// Its accounts no longer count in the metrics: another endpoint object has its place.
  void retire();

 private:
  void changed(const Account& account, const std::string& why);

  void record_changed(AccountCheck& check);

  const AccountCheck::Parts parts_;
  Accounts& accounts_;
  bool retired_ = false;
  std::vector<std::unique_ptr<AccountCheck>> checks_;  ///< one for each credential
  std::vector<AccountRecord::Listener> listeners_;     ///< as checks_
};

}  // namespace entrepot::upstream
