// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/access/login/sha256.h"

namespace entrepot::access {

/// A token as the mirror knows it: its hash, not its text. Its name acts as a user name.
struct Token {
  std::string name;
  Sha256 hash{};  ///< SHA-256 of the text
  std::chrono::sys_seconds created;
  std::optional<std::chrono::sys_seconds> expires;  ///< the first second at which it is refused

  bool expired(std::chrono::sys_seconds now) const { return expires && now >= *expires; }
  bool operator==(const Token&) const = default;
};

/// The beginning of each token.
inline constexpr std::string_view token_prefix = "entrepot_";

/// The text of a new token: token_prefix and 32 random bytes as 43 characters of base64url. The
/// prefix lets secret scanners find it. The caller wipes it. Throws std::runtime_error if the
/// system has no random bytes.
std::string random_token_text();

}  // namespace entrepot::access
