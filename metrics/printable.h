// SPDX-License-Identifier: Apache-2.0
// Escapes untrusted text for a log or a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace entrepot {

/// The first character of a non-empty text.
struct Character {
  std::size_t length = 1;   ///< in bytes
  std::uint32_t code = 0;   ///< 0 if it is not well-formed
  bool well_formed = true;  ///< UTF-8 (Unicode 15, table 3-7); otherwise it is one byte
};
Character first_character(std::string_view text);

bool is_utf8(std::string_view text);

/// True if a terminal interprets the character instead of showing it: control characters (C0, DEL,
/// C1), line and paragraph separators, and characters that are invisible or change the direction of
/// surrounding text (UAX #9, UTR #36).
bool is_interpreted(std::uint32_t code);

/// Returns `text` in a form safe for a terminal: interpreted characters as \x1b or \u202e, bytes
/// that are not UTF-8 as \xff.
std::string printable(std::string_view text);

}  // namespace entrepot
