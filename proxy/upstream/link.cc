// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/link.h"

#include <string_view>

#include "proxy/upstream/text.h"

namespace entrepot::upstream {
namespace {

/// Where the parameter that begins at the start of `text` ends: at a ';' or ',' outside quotes.
std::size_t parameter_end(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ';' || c == ',')) {
      return i;
    }
  }
  return text.size();
}

/// rel holds one relation or several, separated by spaces.
bool names_next(std::string_view relations) {
  if (relations.size() >= 2 && relations.front() == '"' && relations.back() == '"') {
    relations = relations.substr(1, relations.size() - 2);
  }
  while (!relations.empty()) {
    const std::size_t end = relations.find(' ');
    if (equals_ignoring_case(relations.substr(0, end), "next")) return true;
    if (end == std::string_view::npos) return false;
    relations.remove_prefix(end + 1);
  }
  return false;
}

bool is_next(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) return false;
  return equals_ignoring_case(trim(parameter.substr(0, equals)), "rel") &&
         names_next(trim(parameter.substr(equals + 1)));
}

std::optional<std::string> next_in(std::string_view text) {
  for (;;) {
    while (!text.empty() && (text.front() == ',' || text.front() == ' ' || text.front() == '\t')) {
      text.remove_prefix(1);
    }
    if (text.empty() || text.front() != '<') return std::nullopt;
    const std::size_t close = text.find('>');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view target = text.substr(1, close - 1);
    text.remove_prefix(close + 1);

    bool next = false;
    text = trim(text);
    while (!text.empty() && text.front() == ';') {
      text.remove_prefix(1);
      const std::size_t end = parameter_end(text);
      next = next || is_next(text.substr(0, end));
      text.remove_prefix(end);
    }
    if (next) return std::string(target);
    if (!text.empty() && text.front() != ',') return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> next_link(std::span<const std::string> values) {
  for (const std::string& value : values) {
    if (auto target = next_in(value)) return target;
  }
  return std::nullopt;
}

}  // namespace entrepot::upstream
