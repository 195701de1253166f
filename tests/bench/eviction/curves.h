// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "tests/bench/eviction/trace.h"

namespace entrepot::bench {

/// Plays every policy with caches of several sizes and draws, as SVG, requests and bytes answered
/// from the cache over its size.
void draw_curves(std::ostream& out, const Trace& trace);

}  // namespace entrepot::bench
