// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <vector>

#include "tests/bench/eviction/generator.h"

namespace entrepot::bench {

/// Plays every policy against every scenario with one size of the cache and prints requests, bytes
/// and waiting saved, in percent; below, what the traces look like.
void print_table(std::ostream& out, const std::vector<Scenario>& scenarios, std::uint64_t seed,
                 double share);

}  // namespace entrepot::bench
