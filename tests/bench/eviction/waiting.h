// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::bench {

/// Seconds a client waits for an object the cache does not have: a round to the registry and the
/// transfer at a registry's usual speed.
inline double waiting(std::uint64_t size) { return 0.150 + static_cast<double>(size) / 50e6; }

}  // namespace entrepot::bench
