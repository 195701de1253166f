// SPDX-License-Identifier: Apache-2.0
// Counters by kind of resource and status code. Private to metrics/.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "metrics/exposition/codes.h"
#include "metrics/exposition/series.h"
#include "metrics/labels.h"

namespace entrepot::metrics {

using CodeSeries = std::array<CounterSeries, code_count>;

/// Calls `visit(kind index, code index)` for every cell of a table of kinds and codes.
template <typename Visit>
void for_kinds_and_codes(Visit visit) {
  for (std::size_t kind = 0; kind < count_of<Kind>; ++kind)
    for (std::size_t code = 0; code < code_count; ++code) visit(kind, code);
}

inline int code_at(std::size_t index) { return index == other_code ? -1 : known_codes[index]; }

inline std::string_view kind_word(std::size_t kind) { return words<Kind>[kind]; }

}  // namespace entrepot::metrics
