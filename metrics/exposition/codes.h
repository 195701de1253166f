// SPDX-License-Identifier: Apache-2.0
// The values of label `code`. Private to metrics/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace entrepot::metrics {

/// 0 represents an attempt without an answer; every status not listed counts as "other".
inline constexpr std::array<int, 35> known_codes = {
    0,   200, 202, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 411,
    413, 414, 416, 417, 429, 431, 500, 501, 502, 503, 504, 505, 426, 402, 412, 422, 451};
inline constexpr std::size_t other_code = known_codes.size();
inline constexpr std::size_t code_count = known_codes.size() + 1;

/// Index of a status in the arrays of series: one load.
inline std::size_t code_index(int code) {
  static constexpr auto table = [] {
    std::array<std::uint8_t, 600> indices{};
    indices.fill(static_cast<std::uint8_t>(other_code));
    for (std::size_t i = 0; i < known_codes.size(); ++i)
      indices[static_cast<std::size_t>(known_codes[i])] = static_cast<std::uint8_t>(i);
    return indices;
  }();
  const auto at = static_cast<std::size_t>(code);
  return at < table.size() ? table[at] : other_code;
}

inline std::string code_word(std::size_t index) {
  return index == other_code ? "other" : std::to_string(known_codes[index]);
}

}  // namespace entrepot::metrics
