// SPDX-License-Identifier: Apache-2.0
// The grammar is ambiguous only in its commas: they separate parameters and challenges alike. A
// word is a parameter when '=' follows it, and else the scheme of a new challenge.
#include "proxy/upstream/auth/challenge.h"

#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

constexpr std::size_t max_challenges = 16;
constexpr std::size_t max_parameters = 16;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool at(char c) const { return !text_.empty() && text_.front() == c; }
  void skip_blanks() {
    while (at(' ') || at('\t')) text_.remove_prefix(1);
  }
  void skip_separators() {
    while (at(' ') || at('\t') || at(',')) text_.remove_prefix(1);
  }
  bool take(char c) {
    if (!at(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view word() {
    std::size_t length = 0;
    while (length < text_.size() && is_token_char(text_[length])) ++length;
    return cut(length);
  }

  /// token68, or an unquoted value that servers get wrong by leaving out the quotes.
  std::string_view bare_value() {
    std::size_t length = 0;
    while (length < text_.size() && text_[length] > ' ' && text_[length] != ',' &&
           text_[length] != '"') {
      ++length;
    }
    return cut(length);
  }

  /// The opening quote has been taken. nullopt when the closing one is missing.
  std::optional<std::string> quoted() {
    std::string value;
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\') {
        if (text_.empty()) return std::nullopt;
        c = text_.front();
        text_.remove_prefix(1);
      }
      value += c;
    }
    return std::nullopt;
  }

 private:
  std::string_view cut(std::size_t length) {
    const std::string_view piece = text_.substr(0, length);
    text_.remove_prefix(length);
    return piece;
  }

  std::string_view text_;
};

/// Reads the value behind `name=` into `challenge`; false when it does not parse.
bool parse_value(Scanner& scanner, std::string_view name, Challenge& challenge) {
  scanner.skip_blanks();
  std::optional<std::string> value;
  if (scanner.take('"')) {
    value = scanner.quoted();
  } else {
    value = std::string(scanner.bare_value());
  }
  if (!value) return false;
  if (challenge.parameters.size() < max_parameters) {
    challenge.parameters.emplace_back(lower_case(name), std::move(*value));
  }
  return true;
}

void parse_one(std::string_view value, std::vector<Challenge>& out) {
  Scanner scanner(value);
  bool opened = false;  // out.back() began in this value
  for (;;) {
    scanner.skip_separators();
    if (scanner.at_end()) return;
    const std::string_view word = scanner.word();
    if (word.empty()) return;
    scanner.skip_blanks();
    if (scanner.take('=')) {
      if (!opened || !parse_value(scanner, word, out.back())) return;
      continue;
    }
    if (out.size() == max_challenges) return;
    out.push_back({.scheme = lower_case(word), .parameters = {}});
    opened = true;
  }
}

}  // namespace

std::string_view Challenge::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::vector<Challenge> parse_challenges(std::span<const std::string> values) {
  std::vector<Challenge> challenges;
  for (const std::string& value : values) parse_one(value, challenges);
  return challenges;
}

}  // namespace entrepot::upstream
