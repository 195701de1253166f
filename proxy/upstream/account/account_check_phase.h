// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// State of an AccountCheck:
///
///   idle → elsewhere → idle
///   idle → challenge ─→ token ─→ base → idle
///               │ │       └────────────→ idle   (no token)
///               │ └──────────────→ base         (a password is sent to the endpoint itself)
///               └─────────────────────→ idle    (nothing can be asked)
enum class AccountCheckPhase : std::uint8_t {
  idle,
  elsewhere,  ///< waits for a check of another fetch loop
  challenge,  ///< waits for the challenge of /v2/
  token,      ///< waits for a token
  base,       ///< waits for the response to /v2/ with a login
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(AccountCheckPhase from, AccountCheckPhase to) {
  using enum AccountCheckPhase;
  switch (to) {
    case idle:
      return from != idle;
    case elsewhere:
    case challenge:
      return from == idle;
    case token:
      return from == challenge;
    case base:
      return from == challenge || from == token;
  }
  return false;
}

constexpr std::string_view to_string(AccountCheckPhase phase) {
  using enum AccountCheckPhase;
  switch (phase) {
    case idle:
      return "idle";
    case elsewhere:
      return "elsewhere";
    case challenge:
      return "challenge";
    case token:
      return "token";
    case base:
      return "base";
  }
  return "unknown";
}

constexpr std::string_view machine_of(AccountCheckPhase) { return "the check of an account"; }

}  // namespace entrepot::upstream
