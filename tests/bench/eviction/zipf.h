// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/bench/eviction/random.h"

namespace entrepot::bench {

/// Ranks 0 … count - 1, where rank r is drawn in proportion to 1 / (r + 1)^alpha.
class Zipf {
 public:
  Zipf(std::size_t count, double alpha);
  std::size_t draw(Random& random) const;

 private:
  std::vector<double> cumulative_;
};

}  // namespace entrepot::bench
