// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_health.h"

#include <algorithm>

namespace entrepot::upstream {

std::optional<AccountVerdict> AccountHealth::known(Time now) const {
  if (refused()) return AccountVerdict::refused;
  if (state_.is(AccountState::suspected)) return AccountVerdict::forbidden;
  if (now < verdict_until_) return verdict_;
  return std::nullopt;
}

/// One 403 is no proof, two are.
bool AccountHealth::refuses(AccountVerdict verdict) const {
  return verdict == AccountVerdict::refused ||
         (verdict == AccountVerdict::forbidden && !state_.is(AccountState::working));
}

void AccountHealth::suspect(bool on, Time now) {
  if (on) next_check_ = now + confirmed_after_;
  const auto next = on ? AccountState::suspected : AccountState::working;
  if (!state_.is(next)) state_.enter(next);
}

bool AccountHealth::judged(AccountVerdict verdict, Time now) {
  const bool was_refused = refused();
  const bool refused_now = refuses(verdict);
  // A check without an answer does not end a refusal.
  if (refused_now || (was_refused && verdict != AccountVerdict::accepted)) {
    pause_ = was_refused ? std::min(pause_ * 2, longest_) : first_;
    next_check_ = now + pause_;
  }
  verdict_ = verdict;
  verdict_until_ = now + checked_for_;
  const bool changes = was_refused ? verdict == AccountVerdict::accepted : refused_now;
  if (!changes && !was_refused) suspect(verdict == AccountVerdict::forbidden, now);
  if (!changes) return false;
  state_.enter(was_refused ? AccountState::working : AccountState::refused);
  since_ = now;
  return true;
}

}  // namespace entrepot::upstream
