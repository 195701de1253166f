// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>

namespace entrepot::bench {

/// Plays the production policy, LRU and FIFO, prints their figures, and returns whether the
/// production policy is as good as promised.
bool pass_gates(std::ostream& out, std::uint64_t seed);

}  // namespace entrepot::bench
