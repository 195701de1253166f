// SPDX-License-Identifier: Apache-2.0
// The grammar of HTTP fields and URLs that all parsers share. ASCII only, independent of the
// locale. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }
constexpr bool is_alnum(char c) { return is_lower_or_digit(c) || is_upper(c); }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }
std::string lower_case(std::string_view text);

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

/// True for the characters of a token (RFC 9110 §5.6.2).
constexpr bool is_token_char(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Removes spaces and tabs around `text` (OWS, RFC 9110 §5.6.3).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Removes the next element from a comma-separated list and returns it, trimmed. Commas inside
/// quoted strings do not split (RFC 9110 §5.6.1).
std::string_view next_element(std::string_view& list);

/// The value of a hexadecimal digit, -1 for any other character.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Parses decimal digits without sign and space; nullopt for anything else and above 2^64-1.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// Replaces all but unreserved characters (RFC 3986 §2.3) and those in `kept` by %XX.
std::string percent_encode(std::string_view text, std::string_view kept = {});

/// Truncates untrusted text to `limit` bytes for a message, with '?' for control characters and
/// non-ASCII bytes.
std::string printable_excerpt(std::string_view text, std::size_t limit);

}  // namespace entrepot
