// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/text.h"

#include <charconv>

namespace entrepot {

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

std::string_view next_element(std::string_view& list) {
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

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string percent_encode(std::string_view text, std::string_view kept) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || kept.find(c) != kept.npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 0xf];
  }
  return out;
}

std::string printable_excerpt(std::string_view text, std::size_t limit) {
  std::string out(text.substr(0, limit));
  for (char& c : out) {
    if (c < ' ' || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace entrepot
