// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// A shell pattern as fnmatch(3) without flags takes it: `*`, `?`, `[a-z]` and `\` before a special
/// character. An asterisk matches slashes too, as in the patterns of pins (cache/store/pins.h).
/// Matches with case. Immutable; any thread.
class Glob {
 public:
  static constexpr std::string_view special = "*?[\\";  ///< the special characters
  static constexpr std::size_t longest_pattern = 512;
  /// A pattern with more than one special character matches no longer text. Bytes.
  static constexpr std::size_t longest_text = 1023;

  /// The fault of a pattern, with its cure; nullopt if it has none.
  static std::optional<std::string> fault(std::string_view pattern);

  /// REQUIRES: no fault.
  explicit Glob(std::string_view pattern);

  /// Allocates nothing. REQUIRES: `text` has no NUL.
  bool matches(std::string_view text) const {
    return ends_match(text) && (form_ != Form::general || general_match(text));
  }
  const std::string& pattern() const { return pattern_; }

 private:
  using Bytes = std::char_traits<char>;

  enum class Form : std::uint8_t {
    literal,   ///< no special character
    asterisk,  ///< one, and no other special character
    general,   ///< for fnmatch()
  };
  static Form form_of(std::string_view pattern);

  /// Compares what stands for itself at both ends of the pattern. Inline: of a list of rules, most
  /// do not match, and each request compares them.
  bool ends_match(std::string_view text) const {
    const std::size_t least = head_size_ + tail_size_;
    return (form_ == Form::literal ? text.size() == least : text.size() >= least) &&
           Bytes::compare(text.data(), pattern_.data(), head_size_) == 0 &&
           Bytes::compare(text.data() + text.size() - tail_size_,
                          pattern_.data() + pattern_.size() - tail_size_, tail_size_) == 0;
  }
  bool general_match(std::string_view text) const;

  std::string pattern_;
  Form form_;
  std::size_t head_size_;  ///< bytes before the first special character
  std::size_t tail_size_;  ///< bytes after the last one; 0 for a pattern with a set or a backslash
};

}  // namespace entrepot::access
