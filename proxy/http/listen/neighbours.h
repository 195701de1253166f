// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::http {

/// Whether a TCP socket may be bound beside others that listen on its address, or on a part of it,
/// with SO_REUSEPORT.
enum class Neighbours : std::uint8_t {
  refused,
  allowed,  ///< for a server that takes the place of another one of this process
};

}  // namespace entrepot::http
