// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last action of a function.
#include "proxy/upstream/refusal/account_trial.h"

#include "proxy/upstream/account/doubtful.h"
#include "proxy/upstream/refusal/trouble_note.h"

namespace entrepot::upstream {

using Clock = std::chrono::steady_clock;

void AccountTrial::begin(Account& account, const AuthScheme* tried, std::string what,
                         Refusal refusal) {
  account_ = &account;
  tried_ = tried == nullptr ? std::nullopt : std::optional(*tried);
  what_ = std::move(what);
  // An older check says nothing where the password or the token itself may be refused.
  const bool of_login = refusal.failure.status == 401 || refusal.reason == EndpointFailure::token;
  from_ = of_login ? Clock::now() : Clock::time_point();
  refusal_ = std::move(refusal);
  const auto known = account.record().known(Clock::now(), from_);
  if (known) return on_account_verdict(*known);
  wait_for_check();
}

void AccountTrial::wait_for_check() {
  AccountCheck& check = endpoint_.account_checks().of(*account_);
  wait_ = check.request(*this, tried_ ? &*tried_ : nullptr, from_);
}

void AccountTrial::on_account_verdict(AccountVerdict verdict) {
  // It may be that of a check which ran when the refusal came.
  if (verdict == AccountVerdict::accepted && !account_->record().accepted_since(from_))
    return wait_for_check();
  Refusal refusal = *take_refusal();
  Accounts& accounts = endpoint_.accounts();
  Blame blame = blame_of(refusal.failure.status, verdict);
  // Each account can be refused once; the verdicts of other loops may change in between.
  if (blame == Blame::account && ++refused_accounts_ > accounts.configured())
    blame = Blame::unknown;
  switch (blame) {
    case Blame::account:
      endpoint_.metrics().failure(refusal.reason);
      accounts.choose_senders();  // another loop may have found out
      return sink_.on_trial({.account = &accounts.pick(repository_)});
    case Blame::unknown:
      if (verdict == AccountVerdict::everybody) {
        doubt_of_everybody(refusal.failure);
        break;
      }
      doubt_of_account(refusal.failure);
      note_trouble(endpoint_, what_, EndpointFailure::denied, refusal.failure);
      endpoint_.metrics().failure(refusal.reason);
      refusal_ = std::move(refusal);
      return sink_.on_trial({.account = &accounts.anonymous()});
    case Blame::repository:
      break;
  }
  sink_.on_trial({.refusal = std::move(refusal)});
}

}  // namespace entrepot::upstream
