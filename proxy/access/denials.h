// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access/glob.h"

namespace entrepot::access {

/// A pattern of repositories that an operator has denied by command.
struct Denial {
  std::string pattern;  ///< the upstream, '/', and a Glob of its repositories: "docker.io/*/miner*"
  std::string reason{};       ///< for people; may be empty
  std::string by{};           ///< who has added it, as caller_text()
  std::int64_t since_ms = 0;  ///< since 1970
  bool operator==(const Denial&) const = default;
};

/// The repositories that operators have denied by command: besides the deny lists of the
/// configuration, and with the same effect. Immutable; any thread.
class Denials {
 public:
  static constexpr std::size_t most = 1000;
  static constexpr std::size_t longest_reason = 512;  ///< bytes

  /// The fault of a pattern's form, with its cure; nullopt if it has none.
  static std::optional<std::string> fault(std::string_view pattern);

  Denials() = default;
  /// REQUIRES: patterns without a fault.
  explicit Denials(std::vector<Denial> list);

  /// Allocates nothing; compares the patterns of this upstream. True also if names of an upstream
  /// with a pattern are too long for it. REQUIRES: no NUL in the names.
  bool denies(std::string_view upstream, std::string_view repository) const {
    return !globs_.empty() && matches(upstream, repository);
  }
  /// In the order in which they were added.
  const std::vector<Denial>& list() const { return list_; }

 private:
  bool matches(std::string_view upstream, std::string_view repository) const;

  std::vector<Denial> list_;
  std::map<std::string, std::vector<Glob>, std::less<>> globs_;  // by upstream
};

}  // namespace entrepot::access
