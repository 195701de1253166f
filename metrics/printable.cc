// SPDX-License-Identifier: Apache-2.0
#include "metrics/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace entrepot {
namespace {

/// Length of the well-formed sequence at the start of `text`, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : (lead & 0xF0) == 0xE0        ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Excludes overlong forms, surrogates and code points above U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

struct Span {
  std::uint32_t first, last;
};
constexpr std::array<Span, 9> interpreted = {
    {{0x0000, 0x001F},
     {0x007F, 0x009F},
     {0x061C, 0x061C},      // Arabic letter mark
     {0x200B, 0x200F},      // zero width; direction marks
     {0x2028, 0x202E},      // separators; embeddings, overrides
     {0x2060, 0x206F},      // invisible operators; isolates
     {0xFEFF, 0xFEFF},      // byte order mark
     {0xFFF9, 0xFFFB},      // annotations
     {0xE0000, 0xE007F}}};  // tags

}  // namespace

Character first_character(std::string_view text) {
  const std::size_t length = utf8_length(text);
  if (length == 0) return {1, 0, false};
  const auto lead = static_cast<unsigned char>(text[0]);
  std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {length, code, true};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_character(text);
    if (!character.well_formed) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

bool is_interpreted(std::uint32_t code) {
  return std::any_of(interpreted.begin(), interpreted.end(),
                     [code](const Span& span) { return code >= span.first && code <= span.last; });
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [length, code, well_formed] = first_character(text);
    if (!well_formed)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
    else if (!is_interpreted(code))
      out.append(text.substr(0, length));
    else if (code < 0x80)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
    else
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace entrepot
