// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/zipf.h"

#include <algorithm>
#include <cmath>

namespace entrepot::bench {

Zipf::Zipf(std::size_t count, double alpha) {
  double sum = 0;
  cumulative_.reserve(count);
  for (std::size_t rank = 1; rank <= count; ++rank) {
    sum += std::pow(static_cast<double>(rank), -alpha);
    cumulative_.push_back(sum);
  }
}

std::size_t Zipf::draw(Random& random) const {
  const double point = random.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
  return static_cast<std::size_t>(found - cumulative_.begin());
}

}  // namespace entrepot::bench
