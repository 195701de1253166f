// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "proxy/access/problem.h"

namespace entrepot::access {

/// The users of an htpasswd file and the hashes of their passwords. Immutable after parse(), so any
/// number of threads may read it.
class PasswordFile {
 public:
  static constexpr std::size_t max_size = 4 << 20;  ///< bytes of a file
  static constexpr std::size_t max_users = 100'000;

  PasswordFile() = default;
  /// Parses lines of the form "user:hash". Ignores empty lines, lines that begin with '#', spaces
  /// and tabs at the end of a line, CR before LF, and a byte order mark. Otherwise returns every
  /// problem with the number of its line (Problems): a line of another form, a name with a fault
  /// (user_name.h), a second line for one name, and a hash with a fault (password_hash.h).
  static std::variant<PasswordFile, std::vector<Problem>> parse(std::string_view text);

  /// nullptr for an unknown user. The pointer is valid as long as this object.
  const std::string* hash_of(std::string_view user) const;
  /// The hash of some user, for work that has to take as long as that of a user. REQUIRES: size().
  const std::string& any_hash() const { return hashes_.begin()->second; }
  std::size_t size() const { return hashes_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> hashes_;
};

}  // namespace entrepot::access
