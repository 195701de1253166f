// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cache/extents.h"

namespace entrepot::cache {

/// What a request wants of a blob, of which the size may not be known yet.
struct Wanted {
  /// Pieces that each have an end of their own. Otherwise all of it, or all from some byte on: who
  /// asks so may leave long before the end, and comes back for the rest.
  bool pieces = false;
  /// With `pieces`: the first of them, where it does not depend on the size.
  std::optional<Span> first;
  /// With `pieces`: those that the reply is made of once the size is known; nullopt where it is
  /// the whole blob after all. Any thread.
  std::function<std::optional<std::vector<Span>>(std::uint64_t size)> in;
};

}  // namespace entrepot::cache
