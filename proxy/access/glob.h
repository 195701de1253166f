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
  /// A pattern with a special character before its end matches no longer text. Bytes.
  static constexpr std::size_t longest_text = 1023;

  /// The fault of a pattern, with its cure; nullopt if it has none.
  static std::optional<std::string> fault(std::string_view pattern);

  /// REQUIRES: no fault.
  explicit Glob(std::string_view pattern);

  /// Allocates nothing. REQUIRES: `text` has no NUL.
  bool matches(std::string_view text) const;
  const std::string& pattern() const { return pattern_; }

 private:
  enum class Form : std::uint8_t {
    literal,
    prefix,   ///< one asterisk, at the end
    general,  ///< for fnmatch()
  };
  static Form form_of(std::string_view pattern);

  std::string pattern_;
  Form form_;
};

}  // namespace entrepot::access
