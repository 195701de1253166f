// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/password_turn.h"

#include <chrono>
#include <utility>

namespace entrepot::upstream {

PasswordTurn::Answer PasswordTurn::take(Account& account, const AuthScheme& tried) {
  release();
  const auto step = account.record().next_step();
  const bool waits = step == PasswordProof::Step::wait || step == PasswordProof::Step::check;
  if (waits && patience_ != Patience::over) {
    if (step == PasswordProof::Step::wait)
      turn_wait_ = account.turns().add(*this);
    else
      check_wait_ = checks_.check(account, *this, &tried);
    wait();
    return Answer::wait;
  }
  timer_.cancel();
  patience_ = Patience::fresh;
  if (!step) return Answer::refused;
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
  release();
  timer_.cancel();
  patience_ = Patience::fresh;
}

/// The time of all waits for one right counts.
void PasswordTurn::wait() {
  if (patience_ == Patience::fresh) timer_.set(longest_);
  patience_ = Patience::waiting;
}

void PasswordTurn::release() {
  ended(PasswordEnd::abandoned);
  turn_wait_.reset();
  check_wait_.reset();
}

}  // namespace entrepot::upstream
