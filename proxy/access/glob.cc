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

std::size_t tail_size_of(std::string_view pattern) {
  const std::size_t last = pattern.find_last_of(Glob::special);
  const bool set_or_backslash = pattern.find_first_of("[\\") != pattern.npos;
  return last == pattern.npos || set_or_backslash ? 0 : pattern.size() - last - 1;
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
  const bool one = pattern.find_first_of(special, first + 1) == pattern.npos;
  return one && pattern[first] == '*' ? Form::asterisk : Form::general;
}

Glob::Glob(std::string_view pattern)
    : pattern_(pattern),
      form_(form_of(pattern)),
      head_size_(std::min(pattern.find_first_of(special), pattern.size())),
      tail_size_(tail_size_of(pattern)) {}

bool Glob::general_match(std::string_view text) const {
  // fnmatch() takes a string that ends with NUL.
  if (text.size() > longest_text) return false;
  std::array<char, longest_text + 1> copy;
  text.copy(copy.data(), text.size());
  copy[text.size()] = '\0';
  return ::fnmatch(pattern_.c_str(), copy.data(), 0) == 0;
}

}  // namespace entrepot::access
