// SPDX-License-Identifier: Apache-2.0
#include "cache/extents.h"

#include <algorithm>
#include <iterator>

namespace entrepot::cache {

void Extents::add(const Span& span) {
  if (span.empty()) return;
  auto [begin, end] = span;
  auto at = spans_.upper_bound(begin);
  if (at != spans_.begin() && std::prev(at)->second >= begin) --at;
  while (at != spans_.end() && at->first <= end) {  // those it overlaps or touches become one
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
  add(span);  // one span holds all of it now
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
