// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace entrepot::upstream {

/// One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1).
struct Challenge {
  std::string scheme;  ///< lower case: "bearer", "basic"
  /// In the order sent; names in lower case, quoted values unescaped.
  std::vector<std::pair<std::string, std::string>> parameters;

  /// The first parameter of this (lower-case) name; empty when absent.
  std::string_view parameter(std::string_view name) const;

  bool operator==(const Challenge&) const = default;
};

/// All challenges of all WWW-Authenticate values of one answer. Tolerant as clients are: a part
/// that does not parse ends its own header value, what came before it counts. At most 16 challenges
/// of 16 parameters. Pure; any thread.
std::vector<Challenge> parse_challenges(std::span<const std::string> values);

}  // namespace entrepot::upstream
