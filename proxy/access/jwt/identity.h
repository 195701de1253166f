// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "proxy/access/claims.h"

namespace entrepot::access {

/// The sender of a verified JWT. Immutable; any thread.
struct Identity {
  std::string user;                 ///< never empty
  std::vector<std::string> groups;  ///< sorted
  Claims claims;
  std::chrono::sys_seconds end;  ///< the first second at which the token is refused

  /// An estimate of the memory that the object takes.
  std::size_t bytes() const;
};

}  // namespace entrepot::access
