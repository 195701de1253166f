// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace entrepot::registry {

/// More ranges than this in one request are refused: podman then halves its list, stargz and SOCI
/// go on with single ranges (protocol notes 1.5).
inline constexpr std::size_t max_ranges = 1024;

/// Bytes first..last of a body, the last one included.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t length() const { return last - first + 1; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// What a Range field asks of a body of known size.
struct RangeDecision {
  enum class Kind : std::uint8_t {
    whole,          ///< answer 200 with everything
    part,           ///< answer 206 with the one range
    parts,          ///< answer 206 with multipart/byteranges
    unsatisfiable,  ///< answer 416
    too_many,       ///< answer 400
  };
  Kind kind = Kind::whole;
  /// What to answer with, in the order asked for; each lies within the body.
  std::vector<ByteRange> ranges;

  friend bool operator==(const RangeDecision&, const RangeDecision&) = default;
};

/// RFC 9110 §14.1.2 and §14.2 for the value of one Range field. An unknown unit, a syntax error or
/// a number beyond 2^64-1 makes it `whole`; so does any range of an empty body.
///
/// Of several ranges, those that can be satisfied are answered, each in a part of its own: podman
/// counts them. They are `whole` where they are longer together than the body, or none of them can
/// be satisfied (416 to several is fatal in podman). Pure; any thread.
RangeDecision decide_range(std::string_view field, std::uint64_t size);

/// What of a Range field can be told before the size is known.
struct RangeOutline {
  /// Every range has an end of its own. Not so where one runs to the end of the body, whatever that
  /// is, nor where the field means nothing.
  bool pieces = false;
  /// The first of them, where it does not depend on the size.
  std::optional<ByteRange> first;

  friend bool operator==(const RangeOutline&, const RangeOutline&) = default;
};
RangeOutline outline_range(std::string_view field);

}  // namespace entrepot::registry
