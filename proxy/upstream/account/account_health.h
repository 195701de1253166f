// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/phase_variable.h"
#include "proxy/upstream/account/account_verdict.h"
#include "proxy/upstream/transfer/timeouts.h"

namespace entrepot::upstream {

/// State of an AccountHealth:
///
///   working ⇄ suspected → refused
///      ↑ └─────────────────→ │
///      └─────────────────────┘
enum class AccountState : std::uint8_t {
  working,    ///< accepted, or not known to be refused
  suspected,  ///< a check was answered with 403: the next one decides
  refused,    ///< the endpoint refuses its password or token: nothing is sent on its behalf
};

/// True when there is an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(AccountState from, AccountState to) {
  return from != to && !(from == AccountState::refused && to == AccountState::suspected);
}

constexpr std::string_view to_string(AccountState state) {
  using enum AccountState;
  switch (state) {
    case working:
      return "working";
    case suspected:
      return "suspected";
    case refused:
      return "refused";
  }
  return "unknown";
}

constexpr std::string_view machine_of(AccountState) { return "the account of an endpoint"; }

/// Whether an endpoint accepts an account, by the checks of its login (AccountCheck), and when the
/// next check is due. Only a check ends a refusal: requests that were sent before may still
/// succeed with an older token. A value type; the caller passes the time.
class AccountHealth {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit AccountHealth(const Timeouts& timeouts)
      : checked_for_(timeouts.account_checked),
        confirmed_after_(timeouts.account_confirmed_after),
        first_(timeouts.account_refused_first),
        longest_(timeouts.account_refused_longest) {}

  bool refused() const { return state_.is(AccountState::refused); }
  /// Begin of the present state; the epoch of the clock before the first change.
  Time since() const { return since_; }
  /// The verdict that still holds; nullopt: a check has to be made.
  std::optional<AccountVerdict> known(Time now) const;
  /// A check has ended. True if the account is refused now and was not before, or the reverse.
  bool judged(AccountVerdict verdict, Time now);
  /// It is suspected or refused, and may be checked again.
  bool check_due(Time now) const { return !state_.is(AccountState::working) && now >= next_check_; }
  /// The time between the last check that refused it and the next one.
  std::chrono::milliseconds pause() const { return pause_; }

 private:
  bool refuses(AccountVerdict verdict) const;
  void suspect(bool on, Time now);

  const std::chrono::milliseconds checked_for_, confirmed_after_, first_, longest_;
  PhaseVariable<AccountState> state_{AccountState::working};
  Time since_{};
  AccountVerdict verdict_ = AccountVerdict::undetermined;  ///< of the last check
  Time verdict_until_{};
  std::chrono::milliseconds pause_{0};
  Time next_check_{};
};

}  // namespace entrepot::upstream
