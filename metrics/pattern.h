// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace entrepot {

/// A regular expression that an operator wrote, in RE2's syntax: ECMAScript's without
/// backreferences and looking around. Its search takes time in proportion to the text, whatever the
/// pattern, and memory within a bound. Immutable, thread-safe.
class Pattern {
 public:
  explicit Pattern(const std::string& text);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  /// Why it is none (a syntax that is not understood, or too large a program); empty where it is
  /// one.
  std::string fault() const;
  /// Whether some part of `text` matches: the pattern itself says ^ and $. False for one with a
  /// fault.
  bool found_in(std::string_view text) const;

 private:
  std::unique_ptr<const re2::RE2> compiled_;
};

}  // namespace entrepot
