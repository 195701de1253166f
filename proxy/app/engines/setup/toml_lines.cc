// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/toml_lines.h"

namespace entrepot::app {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string quoted_value(std::string_view line) {
  const auto begin = line.find_first_of("\"'");
  if (begin == std::string_view::npos) return {};
  const auto end = line.find(line[begin], begin + 1);
  return end == std::string_view::npos ? "" : std::string(line.substr(begin + 1, end - begin - 1));
}

std::optional<std::string> quoted_setting(std::string_view text, std::string_view key) {
  std::optional<std::string> value;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with(key) && trimmed(line.substr(key.size())).starts_with('='))
      value = quoted_value(line);
  }
  return value;
}

}  // namespace entrepot::app
