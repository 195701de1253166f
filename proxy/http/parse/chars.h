// SPDX-License-Identifier: Apache-2.0
// Character classes of RFC 9110 §5.6.2 and RFC 3986, by a table lookup. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace entrepot::http {

enum CharClass : std::uint8_t {
  is_token = 1,   ///< tchar: method and field names
  is_value = 2,   ///< a byte of a field value: HTAB, SP, VCHAR, obs-text
  is_target = 4,  ///< printable ASCII except '#'
  is_host = 8,    ///< a byte of a registered name: letters, digits, "-._"
};

namespace detail {
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    std::uint8_t bits = 0;
    if (alnum) bits |= is_token | is_host;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= is_value;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= is_target;
    table[c] = bits;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] |= is_token;
  for (const char c : std::string_view("-._")) table[static_cast<unsigned char>(c)] |= is_host;
  return table;
}
inline constexpr std::array<std::uint8_t, 256> classes = make_classes();
}  // namespace detail

inline bool is(char c, CharClass wanted) {
  return (detail::classes[static_cast<unsigned char>(c)] & wanted) != 0;
}
inline bool all(std::string_view text, CharClass wanted) {
  for (const char c : text)
    if (!is(c, wanted)) return false;
  return true;
}

/// Whether one of eight bytes is below `bound`, which is at most 0x80.
constexpr bool any_below(std::uint64_t bytes, unsigned bound) {
  constexpr std::uint64_t each = 0x0101010101010101;
  return ((bytes - each * bound) & ~bytes & each * 0x80) != 0;
}
/// Whether one of eight bytes is above `bound`, which is at most 0x7f.
constexpr bool any_above(std::uint64_t bytes, unsigned bound) {
  constexpr std::uint64_t each = 0x0101010101010101;
  return (((bytes + each * (0x7f - bound)) | bytes) & each * 0x80) != 0;
}

/// Whether `clean` is true for all bytes of `text`. It gets eight at a time; the last eight may
/// overlap those before. False for a text of fewer than eight bytes, which the caller has to check
/// byte by byte.
template <typename Clean>
bool all_words(std::string_view text, Clean clean) {
  std::uint64_t bytes = 0;
  if (text.size() < sizeof bytes) return false;
  const char* const last = text.data() + text.size() - sizeof bytes;
  for (const char* at = text.data(); at < last; at += sizeof bytes) {
    std::memcpy(&bytes, at, sizeof bytes);
    if (!clean(bytes)) return false;
  }
  std::memcpy(&bytes, last, sizeof bytes);
  return clean(bytes);
}

}  // namespace entrepot::http
