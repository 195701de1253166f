// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/phase_variable.h"
#include "proxy/upstream/account/account_verdict.h"

namespace entrepot::upstream {

/// State of a PasswordProof:
///
///   unproven → tried → open ⇄ doubted
///      ↑         └────────────→ │
///      └────────────────────────┘
///
/// `unproven` and `open` also follow each other, and `unproven` is followed by `doubted`: requests
/// that were sent before may end in any state.
enum class PasswordState : std::uint8_t {
  unproven,  ///< it may be wrong: one request goes first
  tried,     ///< that request has no response yet; others wait for it
  open,      ///< it was accepted, or the first request got no answer about it
  doubted,   ///< it was refused: a check decides whether for one repository or for all
};

/// True when there is an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(PasswordState from, PasswordState to) {
  return from != to && (to != PasswordState::tried || from == PasswordState::unproven);
}

constexpr std::string_view to_string(PasswordState state) {
  using enum PasswordState;
  switch (state) {
    case unproven:
      return "unproven";
    case tried:
      return "tried";
    case open:
      return "open";
    case doubted:
      return "doubted";
  }
  return "unknown";
}

constexpr std::string_view machine_of(PasswordState) { return "the password of an account"; }

/// How a request with a password ended.
enum class PasswordEnd : std::uint8_t {
  accepted,
  refused,     ///< 401
  forbidden,   ///< 403 of a token server or a mirror: it refuses the password, or one repository
  unanswered,  ///< any other response, or none
  abandoned,   ///< nobody waits for it any more
};

/// Decides who may send the password of an account, so that a wrong one is sent once and then by
/// checks only (AccountCheck): registries lock accounts after many wrong passwords. A login waits
/// for another's result no longer than password_wait() (PasswordTurn). A value type.
class PasswordProof {
 public:
  enum class Step : std::uint8_t {
    lead,    ///< send it, and report the end as the one who leads
    follow,  ///< send it, and report the end
    wait,    ///< until the state changes, then ask again
    check,   ///< wait for a check of the account, then ask again
  };

  /// For a request that is about to be sent.
  Step next();
  /// A request has ended. `known`: the verdict of a check, if there is one that holds for this
  /// result (AccountRecord::known). True: those that wait should ask again.
  bool ended(bool leads, PasswordEnd end, std::optional<AccountVerdict> known);
  /// A check has ended.
  void judged(AccountVerdict verdict);

 private:
  /// True if the state changes.
  bool enter(PasswordState next);

  PhaseVariable<PasswordState> state_{PasswordState::unproven};
};

}  // namespace entrepot::upstream
