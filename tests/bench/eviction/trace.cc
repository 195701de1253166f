// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/trace.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace entrepot::bench {
namespace {

std::vector<std::uint32_t> uses_of(const Trace& trace) {
  std::vector<std::uint32_t> uses(trace.sizes.size());
  for (const Object object : trace.requests) ++uses[object];
  return uses;
}

}  // namespace

std::uint64_t Trace::footprint() const {
  const auto uses = uses_of(*this);
  std::uint64_t bytes = 0;
  for (std::size_t object = 0; object < sizes.size(); ++object) {
    if (uses[object] > 0) bytes += sizes[object];
  }
  return bytes;
}

std::vector<std::uint32_t> Trace::next_uses() const {
  std::vector<std::uint32_t> next(requests.size());
  std::vector<std::uint32_t> later(sizes.size(), never);
  for (std::size_t at = requests.size(); at-- > 0;) {
    next[at] = later[requests[at]];
    later[requests[at]] = static_cast<std::uint32_t>(at);
  }
  return next;
}

Trace::Shape Trace::shape() const {
  auto uses = uses_of(*this);
  std::sort(uses.begin(), uses.end(), std::greater<>());
  uses.erase(std::find(uses.begin(), uses.end(), 0U), uses.end());
  const auto objects = static_cast<double>(uses.size());
  const auto once = static_cast<double>(std::count(uses.begin(), uses.end(), 1U));
  const auto top = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 100);
  const auto to_top = static_cast<double>(std::accumulate(uses.begin(), top, std::uint64_t{0}));
  return {uses.size(), once / objects, to_top / static_cast<double>(requests.size())};
}

}  // namespace entrepot::bench
