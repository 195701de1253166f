// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/account_checks.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "metrics/log.h"

namespace entrepot::upstream {

AccountChecks::AccountChecks(const AccountCheck::Parts& parts, Accounts& accounts)
    : parts_(parts), accounts_(accounts) {
  for (Account* account : accounts_.with_credential()) {
    checks_.push_back(std::make_unique<AccountCheck>(
        parts_, *account,
        [this](const Account& one, const std::string& why) { changed(one, why); }));
    listeners_.push_back(std::make_shared<const std::function<void()>>(
        [this, &check = *checks_.back()] { record_changed(check); }));
    account->record().join(parts_.metrics);
    account->record().listen(parts_.multi.loop(), listeners_.back());
  }
}

AccountCheck& AccountChecks::of(const Account& account) {
  parts_.multi.loop().assert_in_loop();
  return **std::ranges::find_if(checks_,
                                [&](const auto& check) { return &check->account() == &account; });
}

void AccountChecks::maintain() {
  for (const auto& check : checks_) check->maintain();
}

void AccountChecks::retire() {
  if (std::exchange(retired_, true)) return;
  for (const auto& check : checks_) check->account().record().leave();
}

void AccountChecks::record_changed(AccountCheck& check) {
  accounts_.choose_senders();
  check.record_changed();
  check.account().turns().deliver_present([](Account::TurnSink& sink) { sink.on_turn(); });
}

void AccountChecks::changed(const Account& account, const std::string& why) {
  accounts_.choose_senders();
  const std::string& upstream = parts_.address.upstream();
  const std::string& label = parts_.address.label();
  const std::string& user = account.credential()->username;
  if (!account.record().refused())
    return log::info("{}: {} accepts the account {} again", upstream, label, user);
  log::error(
      "{}: {} refuses the account {} ({}); cached objects are served, and others are requested {}; "
      "correct its username or its password_file and send SIGHUP; the account is tried again after "
      "{} s, then less often",
      upstream, label, user, why,
      accounts_.all_refused() ? "without an account" : "as another account",
      std::chrono::ceil<std::chrono::seconds>(account.record().pause()).count());
}

}  // namespace entrepot::upstream
