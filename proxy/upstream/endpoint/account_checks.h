// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/upstream/account/accounts.h"
#include "proxy/upstream/endpoint/account_check.h"

namespace entrepot::upstream {

/// The checks of all accounts of one endpoint. Logs that an account is refused, or accepted again,
/// publishes the number of refused ones, and lets the accounts choose who sends. Loop thread only.
class AccountChecks {
 public:
  /// All outlive this.
  AccountChecks(const AccountCheck::Parts& parts, Accounts& accounts);
  ~AccountChecks() { retire(); }

  /// REQUIRES: `account` is one of the accounts, and has a credential.
  AccountCheck& of(const Account& account);
  /// See AccountCheck::maintain().
  void maintain();
  /// Withdraws the published number: another endpoint object publishes its own.
  void retire();

 private:
  void changed(const Account& account, const std::string& why);

  const AccountCheck::Parts parts_;
  Accounts& accounts_;
  int published_ = 0;                                  ///< our share of the gauge, of all loops
  std::vector<std::unique_ptr<AccountCheck>> checks_;  ///< one for each credential
};

}  // namespace entrepot::upstream
