// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/trace.h"

namespace entrepot::bench {

/// Shares in percent, of the requests after the warm-up.
struct Score {
  double requests = 0;  ///< answered from the cache
  double bytes = 0;     ///< sent from the cache
  double wait = 0;      ///< of the time clients would wait without a cache, saved
};

/// Plays a trace against a cache of `capacity` bytes.
Score simulate(const Trace& trace, std::uint64_t capacity, Policy& policy);

}  // namespace entrepot::bench
