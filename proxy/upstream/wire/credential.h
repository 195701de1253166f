// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace entrepot::upstream {

/// A user name and its password. Wiped from memory when destroyed. A value type.
struct Credential {
  Credential() = default;
  Credential(std::string user, std::string secret);
  Credential(const Credential&) = default;
  Credential(Credential&&) = default;
  Credential& operator=(const Credential&) = default;
  Credential& operator=(Credential&&) = default;
  ~Credential();

  /// The value of an Authorization header, "Basic …" (RFC 7617). The caller wipes it.
  std::string basic() const;

  std::string username;
  std::string password;
};

}  // namespace entrepot::upstream
