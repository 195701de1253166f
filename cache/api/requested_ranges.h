// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cache/base/extents.h"

namespace entrepot::cache {

/// The parts of a blob that a request covers. The size of the blob may still be unknown.
struct RequestedRanges {
  /// True for ranges that all have an end. False for the whole blob or an open-ended range; a
  /// client that sends such a request may disconnect early and resume later.
  bool pieces = false;
  /// With `pieces`: the first range, if it does not depend on the size.
  std::optional<Span> first;
  /// With `pieces`: computes the ranges of the reply from the size; nullopt if the reply is the
  /// whole blob. Any thread.
  std::function<std::optional<std::vector<Span>>(std::uint64_t size)> in;
};

}  // namespace entrepot::cache
