// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/target.h"

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"

namespace entrepot::http {
namespace {

bool has_dot_segment(std::string_view path) {
  // Most paths have no "/." at all.
  for (std::size_t at = path.find("/."); at != path.npos; at = path.find("/.", at + 1)) {
    const std::string_view rest = path.substr(at + 2);
    if (rest.empty() || rest[0] == '/') return true;
    if (rest[0] == '.' && (rest.size() == 1 || rest[1] == '/')) return true;
  }
  return false;
}

/// Checks is_target for eight bytes at a time, because most of a request line is its target.
bool all_target(std::string_view text) {
  constexpr std::uint64_t hashes = 0x0101010101010101 * std::uint64_t{'#'};
  return all_words(text,
                   [](std::uint64_t bytes) {
                     return !any_below(bytes, 0x21) && !any_above(bytes, 0x7e) &&
                            !any_below(bytes ^ hashes, 1);
                   }) ||
         all(text, is_target);
}

}  // namespace

const char* check_target(std::string_view target) {
  if (target.empty() || target[0] != '/') return "target is not a path";
  if (!all_target(target)) return "target holds a byte that must be encoded";
  return nullptr;
}

const char* decode_path(std::string_view path, std::string& out) {
  const std::size_t begin = out.size();
  for (std::size_t i = 0;; i += 3) {
    const auto plain = path.substr(i, path.find('%', i) - i);
    out += plain;
    i += plain.size();
    if (i == path.size()) break;
    const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low < 0) return "bad percent-encoding";
    const int value = high * 16 + low;
    if (value == '/') return "encoded slash in the path";
    if (value < 0x20 || value == 0x7f) return "encoded control byte in the path";
    out += static_cast<char>(value);
  }
  if (has_dot_segment(std::string_view(out).substr(begin))) return "dot segment in the path";
  return nullptr;
}

}  // namespace entrepot::http
