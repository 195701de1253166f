// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::cache {

/// Tells clients apart, so that one who asks for much does not keep the others out. Values are only
/// compared.
enum class Client : std::uint64_t { nobody = 0 };

}  // namespace entrepot::cache
