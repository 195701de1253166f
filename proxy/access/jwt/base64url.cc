// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/base64url.h"

#include <cstdint>

#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

/// The six bits of a digit, -1 for another character.
int value_of(char c) {
  if (is_upper(c)) return c - 'A';
  if (is_lower(c)) return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;  // of the bits that belong to no byte yet
  for (const char c : text) {
    const int value = value_of(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  const bool unused_bits = (bits & ((1U << count) - 1)) != 0;
  if (count >= 6 || unused_bits) return std::nullopt;
  return bytes;
}

}  // namespace entrepot::access
