// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/password_proof.h"

namespace entrepot::upstream {

PasswordProof::Step PasswordProof::next() {
  switch (state_.get()) {
    case PasswordState::unproven:
      state_.enter(PasswordState::tried);
      return Step::lead;
    case PasswordState::tried:
      return Step::wait;
    case PasswordState::doubted:
      return Step::check;
    case PasswordState::open:
      break;
  }
  return Step::follow;
}

bool PasswordProof::ended(bool leads, PasswordEnd end, std::optional<AccountVerdict> known) {
  switch (end) {
    case PasswordEnd::accepted:
      return enter(PasswordState::open);
    case PasswordEnd::forbidden:
      // One repository must not delay the others of an account that was accepted.
      if (!leads && state_.is(PasswordState::open)) return false;
      [[fallthrough]];
    case PasswordEnd::refused:
      if (!known) return enter(PasswordState::doubted);
      // Another check would have the same result. Without a verdict the others try one by one.
      return enter(*known == AccountVerdict::accepted ? PasswordState::open
                                                      : PasswordState::unproven);
    case PasswordEnd::unanswered:
      // One by one, each would wait as long.
      return leads && enter(PasswordState::open);
    case PasswordEnd::abandoned:
      return leads && enter(PasswordState::unproven);
  }
  return false;
}

void PasswordProof::judged(AccountVerdict verdict) {
  if (verdict == AccountVerdict::accepted) {
    enter(PasswordState::open);
  } else if (state_.is(PasswordState::doubted)) {
    enter(PasswordState::unproven);
  }
}

bool PasswordProof::enter(PasswordState next) {
  if (state_.is(next)) return false;
  state_.enter(next);
  return true;
}

}  // namespace entrepot::upstream
