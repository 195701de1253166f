// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_health.h"

#include <algorithm>

namespace entrepot::upstream {

std::optional<AccountVerdict> AccountHealth::known(Time now) const {
  if (refused()) return AccountVerdict::refused;
  if (now < verdict_until_) return verdict_;
  return std::nullopt;
}

bool AccountHealth::judged(AccountVerdict verdict, Time now) {
  const bool was_refused = refused();
  const bool refuses = verdict == AccountVerdict::refused;
  // A check without an answer does not end a refusal.
  if (refuses || (was_refused && verdict != AccountVerdict::accepted)) {
    pause_ = was_refused ? std::min(pause_ * 2, longest_) : first_;
    next_check_ = now + pause_;
  }
  verdict_ = verdict;
  verdict_until_ = now + checked_for_;
  const bool changes = was_refused ? verdict == AccountVerdict::accepted : refuses;
  if (!changes) return false;
  state_.enter(was_refused ? AccountState::working : AccountState::refused);
  since_ = now;
  return true;
}

}  // namespace entrepot::upstream
