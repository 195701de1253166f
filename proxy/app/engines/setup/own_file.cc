// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/own_file.h"

#include <algorithm>
#include <utility>

namespace entrepot::app {
namespace {

/// True if `c` continues a host, a port or a URL, so that a longer name than ours stands there.
bool continues_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':';
}

bool names(std::string_view line, std::string_view name) {
  line = line.substr(0, line.find('#'));
  for (auto at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
    const auto end = at + name.size();
    const bool longer_before = at > 0 && continues_name(line[at - 1]);
    // A key of YAML ends with a colon.
    const bool key =
        end < line.size() && line[end] == ':' && (end + 1 == line.size() || line[end + 1] == ' ');
    const bool longer_behind = end < line.size() && continues_name(line[end]) && !key;
    if (!longer_before && !longer_behind) return true;
  }
  return false;
}

bool contains_name(std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (names(text.substr(0, end), name)) return true;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return false;
}

}  // namespace

std::function<Merged(std::string_view, bool)> own_file_merge(std::string lines,
                                                             std::vector<std::string> names) {
  return [lines = std::move(lines), names = std::move(names)](std::string_view existing,
                                                              bool ours) -> Merged {
    const std::string content = std::string(own_file_marker) + lines;
    if (existing == content) return {Merged::Outcome::unchanged, {}, {}};
    if (ours || existing.starts_with(own_file_marker))
      return {Merged::Outcome::changed, content, {}};
    const bool complete = std::ranges::all_of(
        names, [&](const std::string& name) { return contains_name(existing, name); });
    if (complete) return {Merged::Outcome::unchanged, {}, {}};
    return {Merged::Outcome::refused,
            "has settings of its own and is left as it is. Add to it:\n" + lines,
            {}};
  };
}

}  // namespace entrepot::app
