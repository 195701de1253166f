// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace entrepot::upstream {

/// `span` ± 25 %, so that requests that failed together are not repeated together. `random` is the
/// state of the generator (splitmix64), which is advanced; any seed serves. Pure; any thread.
std::chrono::milliseconds jittered_delay(std::chrono::milliseconds span, std::uint64_t& random);

/// Wait before attempt `attempt` + 1, counted from 1: first, 2·first, 4·first … up to `longest`,
/// jittered.
std::chrono::milliseconds backoff_delay(int attempt, std::chrono::milliseconds first,
                                        std::chrono::milliseconds longest, std::uint64_t& random);

}  // namespace entrepot::upstream
