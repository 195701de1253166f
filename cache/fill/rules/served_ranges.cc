// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/rules/served_ranges.h"

#include <algorithm>
#include <cstddef>

namespace entrepot::cache {
namespace {

/// Lazy pullers request the first bytes alone, to see that the blob is available. Bytes.
constexpr std::uint64_t least_to_count = 4096;
constexpr std::size_t wanted_by_many = 3;
/// Most spans that are remembered, of about 64 bytes each. Beyond that all are forgotten, and a
/// repeated request is noticed a little later.
constexpr std::size_t most_spans = 4096;

}  // namespace

ServedRanges::Verdict ServedRanges::note(const std::vector<Span>& spans, Client client) {
  const bool again = std::ranges::all_of(spans, [this](const Span& span) {
    return span.length() >= least_to_count && served_.covers(span);
  });
  for (const auto& span : spans) {
    if (served_.spans().size() >= most_spans) served_ = {};
    if (span.length() >= least_to_count) served_.add(span);
  }
  if (!again) return Verdict::nothing;
  const int repeats = ++repeats_[client];
  if (repeats_.size() >= wanted_by_many) {
    repeats_.clear();
    return Verdict::wanted_by_many;
  }
  if (repeats != check_at_) return Verdict::nothing;
  // The next check is later, so that repeating costs the upstream ever less.
  check_at_ *= 2;
  return Verdict::check;
}

}  // namespace entrepot::cache
