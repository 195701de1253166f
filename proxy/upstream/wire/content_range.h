// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace entrepot::upstream {

/// A Content-Range header (RFC 9110 §14.4).
struct ContentRange {
  /// Bytes [first, last] of the object; absent in the form of a 416, `bytes */total`.
  struct Part {
    std::uint64_t first;
    std::uint64_t last;
    bool operator==(const Part&) const = default;
  };
  std::optional<Part> part;
  /// Whole size of the object; absent when sent as `*`.
  std::optional<std::uint64_t> total;

  bool operator==(const ContentRange&) const = default;
};

/// nullopt unless the unit is bytes, the numbers are plain digits, first ≤ last < total, and at
/// least one of part and total is there. Pure; any thread.
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace entrepot::upstream
