// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::http {

/// Whether another server, of this process or of the next one, listens on the sockets of a server
/// that drains.
enum class Next : std::uint8_t { none, listens };

}  // namespace entrepot::http
