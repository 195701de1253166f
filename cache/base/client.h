// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::cache {

/// Identifies a client, so that one client with many requests cannot starve the others. Values are
/// only compared.
enum class Client : std::uint64_t { nobody = 0 };

}  // namespace entrepot::cache
