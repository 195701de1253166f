// SPDX-License-Identifier: Apache-2.0
#include "cache/base/extents.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>

namespace entrepot::cache {
namespace {

std::vector<Span> joined_within(const std::vector<Span>& sorted, std::uint64_t gap) {
  std::vector<Span> joined;
  for (const auto& span : sorted) {
    if (joined.empty() || (span.begin > joined.back().end && span.begin - joined.back().end > gap))
      joined.push_back(span);
    else
      joined.back().end = std::max(joined.back().end, span.end);
  }
  return joined;
}

}  // namespace

std::vector<Span> joined(std::vector<Span> spans, std::uint64_t gap, std::size_t most) {
  std::ranges::sort(spans, {}, &Span::begin);
  auto apart = joined_within(spans, gap);
  if (apart.size() <= most) return apart;
  // Indexes of gaps: gap i lies between apart[i] and apart[i + 1]. The smallest gaps are closed.
  std::vector<std::size_t> gaps(apart.size() - 1);
  std::iota(gaps.begin(), gaps.end(), 0U);
  const auto closed = gaps.begin() + static_cast<std::ptrdiff_t>(apart.size() - most);
  std::ranges::nth_element(gaps, closed - 1, {},
                           [&apart](std::size_t i) { return apart[i + 1].begin - apart[i].end; });
  std::for_each(gaps.begin(), closed,
                [&apart](std::size_t i) { apart[i].end = apart[i + 1].begin; });
  return joined_within(apart, 0);
}

void Extents::add(const Span& span) {
  if (span.empty()) return;
  auto [begin, end] = span;
  auto at = spans_.upper_bound(begin);
  if (at != spans_.begin() && std::prev(at)->second >= begin) --at;
  // Merge all spans that overlap or touch the new one.
  while (at != spans_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    bytes_ -= at->second - at->first;
    at = spans_.erase(at);
  }
  spans_.emplace_hint(at, begin, end);
  bytes_ += end - begin;
}

void Extents::remove(const Span& span) {
  if (span.empty()) return;
  add(span);  // a single span covers all of it now
  const auto at = std::prev(spans_.upper_bound(span.begin));
  const auto [begin, end] = *at;
  spans_.erase(at);
  bytes_ -= end - begin;
  add({begin, span.begin});
  add({span.end, end});
}

std::uint64_t Extents::end_from(std::uint64_t offset) const {
  const auto after = spans_.upper_bound(offset);
  if (after == spans_.begin()) return offset;
  return std::max(offset, std::prev(after)->second);
}

Span Extents::gap_in(const Span& span) const {
  const auto begin = std::min(end_from(span.begin), span.end);
  const auto next = spans_.upper_bound(begin);
  return {begin, next == spans_.end() ? span.end : std::min(span.end, next->first)};
}

}  // namespace entrepot::cache
