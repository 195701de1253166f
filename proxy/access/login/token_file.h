// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/access/login/token.h"
#include "proxy/access/problem.h"

namespace entrepot::access {

/// The state of a presented token.
enum class TokenState : std::uint8_t {
  valid,
  expired,
  unknown,
};

/// The tokens of one file:
///
///     {"tokens": [{"name": "ci", "sha256": "<64 hexadecimal digits>",
///                  "created": "2026-11-30T10:00:00Z", "expires": "2027-02-28T10:00:00Z"}]}
///
/// Without `expires` a token has no end. Only add() and remove() change an object; any number of
/// threads may read it otherwise.
class TokenFile {
 public:
  static constexpr std::size_t max_size = 4 << 20;  ///< bytes of a file

  TokenFile() = default;
  /// Otherwise every problem with the place of its token: `tokens[0] ("ci")`. Unknown keys are
  /// problems, because a misspelt `expires` would make a token without an end, and so are two
  /// tokens of one name or of one hash.
  static std::variant<TokenFile, std::vector<Problem>> parse(std::string_view text);
  /// The text of the file: JSON with one token per line in the order of their names, with a line
  /// end. parse() of it gives an equal list.
  std::string text() const;

  struct Found {
    TokenState state = TokenState::unknown;
    const Token* token = nullptr;  ///< nullptr for an unknown one; valid until the object changes
  };
  /// Looks up the text of a token (`Bearer TEXT`) by its SHA-256, which takes less than a
  /// microsecond.
  Found find(std::string_view text, std::chrono::sys_seconds now) const;
  /// As above, for the text as the password of a Basic login with the token's name as the user. A
  /// token of another name is unknown.
  Found find(std::string_view name, std::string_view text, std::chrono::sys_seconds now) const;

  /// True if a token has this name.
  bool has(std::string_view name) const { return tokens_.contains(name); }
  /// By name, in the order of the names.
  const std::map<std::string, Token, std::less<>>& tokens() const { return tokens_; }
  /// False, changing nothing, if its name or its hash is in the file already. REQUIRES: a name
  /// without fault_of_user_name().
  bool add(Token token);
  /// False if no token has this name.
  bool remove(std::string_view name);

 private:
  /// The first bytes of a SHA-256, which are uniformly distributed.
  struct First {
    std::size_t operator()(const Sha256& hash) const {
      std::size_t first = 0;
      std::memcpy(&first, hash.data(), sizeof first);
      return first;
    }
  };

  std::map<std::string, Token, std::less<>> tokens_;
  std::unordered_map<Sha256, std::string, First> names_;  // by hash
};

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::TokenState> = make_words<access::TokenState>({
    {access::TokenState::valid, "valid"},
    {access::TokenState::expired, "expired"},
    {access::TokenState::unknown, "unknown"},
});

}  // namespace entrepot::metrics
