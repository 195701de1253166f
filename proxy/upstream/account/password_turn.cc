// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/password_turn.h"

#include <chrono>
#include <utility>

namespace entrepot::upstream {

PasswordTurn::Answer PasswordTurn::take(Account& account, const AuthScheme& tried, bool may_lead) {
  drop();
  const auto step = account.record().next_step(may_lead);
  if (!step) return Answer::refused;
  switch (*step) {
    case PasswordProof::Step::wait:
      turn_wait_ = account.turns().add(*this);
      return Answer::wait;
    case PasswordProof::Step::check:
      check_wait_ = checks_.check(account, *this, &tried);
      return Answer::wait;
    case PasswordProof::Step::lead:
    case PasswordProof::Step::follow:
      break;
  }
  account_ = &account;
  leads_ = *step == PasswordProof::Step::lead;
  return Answer::go;
}

void PasswordTurn::ended(PasswordEnd end) {
  if (Account* const account = std::exchange(account_, nullptr))
    account->record().password_ended(std::exchange(leads_, false), end,
                                     std::chrono::steady_clock::now());
}

void PasswordTurn::drop() {
  ended(PasswordEnd::abandoned);
  turn_wait_.reset();
  check_wait_.reset();
}

}  // namespace entrepot::upstream
