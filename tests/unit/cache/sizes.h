// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::cache {

inline constexpr std::uint64_t mib = 1 << 20;

}  // namespace entrepot::cache
