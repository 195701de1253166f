// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/glob.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace entrepot::access {
namespace {

/// The position behind the set that begins at `open`, npos if it has no end. A ']' directly behind
/// "[", "[!" or "[^" belongs to the set.
std::size_t end_of_set(std::string_view pattern, std::size_t open) {
  std::size_t at = open + 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) ++at;
  const std::size_t close = pattern.find(']', at + 1);
  return close == pattern.npos ? close : close + 1;
}

}  // namespace

std::optional<std::string> Glob::fault(std::string_view pattern) {
  if (pattern.empty()) return "the pattern is empty; write * for everything";
  if (pattern.size() > longest_pattern)
    return "the pattern is longer than " + std::to_string(longest_pattern) + " bytes";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::any_of(pattern.begin(), pattern.end(), control))
    return "the pattern has a control character; remove it";
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '\\' && at + 1 == pattern.size())
      return "the pattern ends with a backslash; write two for the character itself";
    if (pattern[at] == '[') {
      at = end_of_set(pattern, at);
      if (at == pattern.npos)
        return "the pattern has \"[\" without \"]\"; write \\[ for the character itself";
    } else {
      at += pattern[at] == '\\' ? 2 : 1;
    }
  }
  return std::nullopt;
}

Glob::Form Glob::form_of(std::string_view pattern) {
  const std::size_t first = pattern.find_first_of(special);
  if (first == pattern.npos) return Form::literal;
  return first + 1 == pattern.size() && pattern[first] == '*' ? Form::prefix : Form::general;
}

Glob::Glob(std::string_view pattern) : pattern_(pattern), form_(form_of(pattern)) {}

bool Glob::matches(std::string_view text) const {
  const std::string_view pattern = pattern_;
  if (form_ == Form::literal) return text == pattern;
  if (form_ == Form::prefix) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  // fnmatch() takes a string that ends with NUL.
  if (text.size() > longest_text) return false;
  std::array<char, longest_text + 1> copy;
  text.copy(copy.data(), text.size());
  copy[text.size()] = '\0';
  return ::fnmatch(pattern_.c_str(), copy.data(), 0) == 0;
}

}  // namespace entrepot::access
