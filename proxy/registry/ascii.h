// SPDX-License-Identifier: Apache-2.0
// Character classes that no locale can change.
#pragma once

#include <string_view>

namespace entrepot::registry {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower_or_digit(char c) { return is_lower(c) || is_digit(c); }
constexpr bool is_alnum(char c) { return is_lower_or_digit(c) || is_upper(c); }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c; }

/// A character of an HTTP token (RFC 9110 §5.6.2).
constexpr bool is_token(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

/// Without the spaces and tabs around it (RFC 9110 §5.6.3, OWS).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes the next element off a comma-separated list. Commas inside quoted strings do not split.
constexpr std::string_view next_element(std::string_view& list) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < list.size() && (quoted || list[i] != ','); ++i) {
    if (quoted && list[i] == '\\' && i + 1 < list.size())
      ++i;
    else if (list[i] == '"')
      quoted = !quoted;
  }
  const std::string_view element = trim(list.substr(0, i));
  list.remove_prefix(i < list.size() ? i + 1 : i);
  return element;
}

}  // namespace entrepot::registry
