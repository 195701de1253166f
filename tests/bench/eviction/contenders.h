// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/simulator.h"

namespace entrepot::bench {

/// A policy that takes part in the comparison.
struct Contender {
  enum class Kind { ours, other, offline };
  const char* name;
  const char* colour;  ///< of its curve
  Kind kind;           ///< offline: knows the future
  std::unique_ptr<Policy> (*make)(const Trace& trace, std::uint64_t capacity);
};

extern const Contender production;
extern const Contender lru;
extern const Contender fifo;
/// All of them, in the order of the table.
const std::vector<Contender>& contenders();

/// Plays the trace with a cache of this share of the footprint.
Score play(const Contender& contender, const Trace& trace, double share);

}  // namespace entrepot::bench
