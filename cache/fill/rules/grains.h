// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cache/base/extents.h"

namespace entrepot::cache {

/// Requested ranges begin and end at multiples of this many bytes: few, because lazy pullers read
/// here and there, and their registries charge by the byte; enough to make one request worth it.
inline constexpr std::uint64_t grain = 64 << 10;
/// Longest range of one transfer, so that short ranges do not wait long behind long ones. Bytes.
inline constexpr std::uint64_t max_range = 8 << 20;

/// The whole grains that contain `span`. Pure; any thread.
constexpr Span grains(const Span& span) {
  return {span.begin / grain * grain, (span.end + grain - 1) / grain * grain};
}

}  // namespace entrepot::cache
