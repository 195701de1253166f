// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/base/extents.h"

namespace entrepot::registry {

/// Requests with more ranges are rejected. podman then halves its list; stargz and SOCI continue
/// with single ranges.
inline constexpr std::size_t max_ranges = 1024;

/// Bytes first..last of a body, inclusive.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t length() const { return last - first + 1; }
  /// The same bytes for the cache, which counts up to an exclusive end.
  cache::Span span() const { return {first, last + 1}; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// The reply to a Range field for a body of known size.
struct RangeDecision {
  enum class Kind : std::uint8_t {
    whole,          ///< answer 200 with everything
    part,           ///< answer 206 with the one range
    parts,          ///< answer 206 with multipart/byteranges
    unsatisfiable,  ///< answer 416
    too_many,       ///< answer 400
  };
  Kind kind = Kind::whole;
  /// The ranges of the reply, in the requested order; each lies within the body.
  std::vector<ByteRange> ranges;

  friend bool operator==(const RangeDecision&, const RangeDecision&) = default;
};

/// Evaluates the value of one Range field (RFC 9110 §14.1.2, §14.2). An unknown unit, a syntax
/// error or a number above 2^64-1 results in `whole`; so does any range of an empty body.
///
/// Several ranges are answered with one part for each satisfiable range, because podman counts the
/// parts. The result is `whole` if they are longer together than the body, or if none is
/// satisfiable (416 for several ranges is fatal in podman). Pure; any thread.
RangeDecision decide_range(std::string_view field, std::uint64_t size);

/// The properties of a Range field that do not depend on the size.
struct RangeOutline {
  /// True if every range has an explicit end. False if one extends to the end of the body, or if
  /// the field is invalid.
  bool pieces = false;
  /// The first range, if it does not depend on the size.
  std::optional<ByteRange> first;

  friend bool operator==(const RangeOutline&, const RangeOutline&) = default;
};
RangeOutline outline_range(std::string_view field);

}  // namespace entrepot::registry
