// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/backoff.h"

#include <algorithm>

namespace entrepot::upstream {
namespace {

std::uint64_t next(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

std::chrono::milliseconds jittered_delay(std::chrono::milliseconds span, std::uint64_t& random) {
  const auto half = static_cast<std::uint64_t>(span.count() / 2);
  const std::uint64_t offset = half == 0 ? 0 : next(random) % (half + 1);
  return span - span / 4 + std::chrono::milliseconds(offset);
}

std::chrono::milliseconds backoff_delay(int attempt, std::chrono::milliseconds first,
                                        std::chrono::milliseconds longest, std::uint64_t& random) {
  auto span = std::min(first, longest);
  for (int i = 1; i < attempt && span < longest; ++i) span = std::min(span * 2, longest);
  return jittered_delay(span, random);
}

}  // namespace entrepot::upstream
