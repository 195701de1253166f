// SPDX-License-Identifier: Apache-2.0
// Foreign text before people's eyes: in a log, on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace entrepot {

/// The character that starts a text, which is not empty.
struct Character {
  std::size_t length = 1;   ///< in bytes
  std::uint32_t code = 0;   ///< 0 where it is not well formed
  bool well_formed = true;  ///< UTF-8 (Unicode 15, table 3-7); otherwise it is one byte
};
Character first_character(std::string_view text);

bool is_utf8(std::string_view text);

/// Whether the character does something instead of being seen: control characters (C0, DEL, C1),
/// line and paragraph separators, and those that are invisible or turn the direction of what is
/// around them (UAX #9, UTR #36).
bool acts(std::uint32_t code);

/// `text` as it can be given to a terminal: characters that act as \x1b or \u202e, bytes that are
/// no UTF-8 as \xff.
std::string printable(std::string_view text);

}  // namespace entrepot
