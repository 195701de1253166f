// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace entrepot {

/// A regular expression from the configuration, in RE2 syntax: ECMAScript without backreferences
/// and look-around. A search takes time linear in the length of the text for any pattern, and
/// bounded memory. Immutable; thread-safe.
class Pattern {
 public:
  explicit Pattern(const std::string& text);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  /// The error message for an invalid pattern (unsupported syntax, or too large a program); empty
  /// for a valid one.
  std::string error() const;
  /// True if some part of `text` matches; the pattern itself contains ^ and $ to anchor it. False
  /// for an invalid pattern.
  bool matches(std::string_view text) const;

 private:
  std::unique_ptr<const re2::RE2> compiled_;
};

}  // namespace entrepot
