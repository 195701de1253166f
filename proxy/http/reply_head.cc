// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "metrics/check.h"
#include "proxy/http/exchange.h"

namespace entrepot::http {
namespace {

/// Whether one of eight bytes is below `bound`, which is at most 0x80.
bool any_below(std::uint64_t bytes, unsigned bound) {
  constexpr std::uint64_t each = 0x0101010101010101;
  return ((bytes - each * bound) & ~bytes & each * 0x80) != 0;
}

/// Eight bytes at a time: this was a seventh of what a hit takes in user space.
bool breaks_line(std::string_view text) {
  std::uint64_t bytes = 0;
  while (text.size() >= sizeof bytes) {
    std::memcpy(&bytes, text.data(), sizeof bytes);
    if (any_below(bytes, '\r' + 1)) break;  // or a tab: looked at one by one
    text.remove_prefix(sizeof bytes);
  }
  for (const char c : text)
    if (c == '\r' || c == '\n' || c == '\0') return true;
  return false;
}

}  // namespace

ReplyHead& ReplyHead::add(std::string_view name, std::string_view value) {
  check(!breaks_line(name) && !breaks_line(value), "CR, LF or NUL in a reply field");
  fields_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

ReplyHead& ReplyHead::add(std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return add(name, std::string_view(digits.data(), end));
}

}  // namespace entrepot::http
