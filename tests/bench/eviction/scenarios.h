// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/bench/eviction/generator.h"

namespace entrepot::bench {

inline Scenario base_scenario() { return {}; }
inline Scenario scan_scenario() { return {.name = "scan 30 %", .scan = 0.30}; }

/// The columns of the table.
inline std::vector<Scenario> scenarios() {
  return {base_scenario(),
          {.name = "alpha 0.7", .alpha = 0.7},
          {.name = "alpha 1.1", .alpha = 1.1},
          scan_scenario(),
          {.name = "CI 60 %", .ci = 0.60}};
}

}  // namespace entrepot::bench
