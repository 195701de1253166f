// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cstdint>

#include "metrics/check.h"
#include "proxy/http/exchange.h"
#include "proxy/http/parse/chars.h"

namespace entrepot::http {
namespace {

/// Checks eight bytes at a time: byte by byte, this took a seventh of a hit's time in user space.
bool breaks_line(std::string_view text) {
  if (all_words(text, [](std::uint64_t bytes) { return !any_below(bytes, '\r' + 1); }))
    return false;
  for (const char c : text)  // a tab, or less than eight bytes
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
