// SPDX-License-Identifier: Apache-2.0
// Small pieces of HTTP grammar (RFC 9110 §5.6) that the header parsers share. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::upstream {

/// ASCII only, whatever the locale.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// A character of an RFC 9110 token.
bool is_token_char(char c);

/// Without leading and trailing spaces and tabs.
std::string_view trim(std::string_view text);

/// Decimal digits only (no sign, no space), without overflow.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// Everything but unreserved characters (RFC 3986 §2.3) and those of `kept` as %XX.
std::string percent_encode(std::string_view text, std::string_view kept = {});

/// `text` cut to `limit` bytes and with control characters and non-ASCII bytes as '?': foreign
/// text that goes into a message.
std::string printable_excerpt(std::string_view text, std::size_t limit);

}  // namespace entrepot::upstream
