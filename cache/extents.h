// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace entrepot::cache {

/// Bytes [begin, end) of an object; empty where end ≤ begin.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool empty() const { return end <= begin; }
  std::uint64_t length() const { return empty() ? 0 : end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

/// These spans in rising order: those that overlap, or lie no further than `gap` apart, are one.
/// Where more than `most` (at least 1) were left, the closest of them are joined as well. Pure.
std::vector<Span> joined(std::vector<Span> spans, std::uint64_t gap, std::size_t most);

/// Which bytes of an object are there, as the fewest spans that say it. Not thread-safe.
class Extents {
 public:
  void add(const Span& span);
  void remove(const Span& span);
  /// The end of what is there from `offset` on; `offset` itself where it is not.
  std::uint64_t end_from(std::uint64_t offset) const;
  /// The first gap within `span`; empty where all of it is there.
  Span gap_in(const Span& span) const;
  bool covers(const Span& span) const { return gap_in(span).empty(); }
  /// Of all spans.
  std::uint64_t bytes() const { return bytes_; }
  /// Begin → end, in rising order; no two touch.
  const std::map<std::uint64_t, std::uint64_t>& spans() const { return spans_; }

 private:
  std::map<std::uint64_t, std::uint64_t> spans_;
  std::uint64_t bytes_ = 0;
};

}  // namespace entrepot::cache
