// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace entrepot::cache {

/// Bytes [begin, end) of an object; empty if end ≤ begin.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool empty() const { return end <= begin; }
  std::uint64_t length() const { return empty() ? 0 : end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// Returns these spans in rising order, merging spans that overlap or lie no further than `gap`
/// bytes apart. If more than `most` (at least 1) remain, merges across the smallest gaps as well.
/// Pure.
std::vector<Span> joined(std::vector<Span> spans, std::uint64_t gap, std::size_t most);

/// The set of stored bytes of an object, as the fewest spans. Not thread-safe.
class Extents {
 public:
  void add(const Span& span);
  void remove(const Span& span);
  /// End of the stored bytes that begin at `offset`; `offset` itself if that byte is not stored.
  std::uint64_t end_from(std::uint64_t offset) const;
  /// The first gap within `span`; empty if all of it is stored.
  Span gap_in(const Span& span) const;
  bool covers(const Span& span) const { return gap_in(span).empty(); }
  /// Sum of the lengths of all spans.
  std::uint64_t bytes() const { return bytes_; }
  /// Map from begin to end, in rising order. No two spans touch.
  const std::map<std::uint64_t, std::uint64_t>& spans() const { return spans_; }

 private:
  std::map<std::uint64_t, std::uint64_t> spans_;
  std::uint64_t bytes_ = 0;
};

}  // namespace entrepot::cache
