// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace entrepot::bench {

/// A layer, by its place in Trace::sizes.
using Object = std::uint32_t;

/// The requests that reach the mirror, in order.
struct Trace {
  std::vector<std::uint64_t> sizes;
  std::vector<Object> requests;

  /// Bytes of all objects that are requested at all.
  std::uint64_t footprint() const;
  /// For each request, the place of the next one for the same object; never where there is none.
  std::vector<std::uint32_t> next_uses() const;
  static constexpr std::uint32_t never = UINT32_MAX;

  /// The properties of a trace that compare it with published ones.
  struct Shape {
    std::size_t objects = 0;  ///< requested at least once
    double one_hit = 0;       ///< share of them requested exactly once
    double top_percent = 0;   ///< share of requests that go to the 1 % most requested
  };
  Shape shape() const;
};

}  // namespace entrepot::bench
