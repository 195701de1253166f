// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/belady.h"

#include <cmath>
#include <limits>

namespace entrepot::bench {
namespace {

/// Groups per doubling of the size.
constexpr double groups_per_octave = 4;

}  // namespace

void Belady::use(std::size_t at, Object object) {
  group_of(object).erase({next_use_[object], object});
  admit(at, object);
}

bool Belady::displaces(std::size_t at, Object object) {
  const Group* const group = worst(at);
  if (group == nullptr) return true;
  const auto [next_use, last] = *group->rbegin();
  return score(at, next_uses_[at], object) < score(at, next_use, last);
}

void Belady::admit(std::size_t at, Object object) {
  next_use_[object] = next_uses_[at];
  group_of(object).insert({next_use_[object], object});
}

Object Belady::evict(std::size_t at) {
  Group* const group = worst(at);
  const Object victim = group->rbegin()->second;
  group->erase(std::prev(group->end()));
  return victim;
}

Belady::Group& Belady::group_of(Object object) {
  if (favours_ == Favours::bytes) return groups_[0];
  const double octaves = std::log2(static_cast<double>(trace_.sizes[object]));
  return groups_[static_cast<int>(octaves * groups_per_octave)];
}

double Belady::score(std::size_t at, std::uint32_t next_use, Object object) const {
  if (next_use == Trace::never) return std::numeric_limits<double>::infinity();
  const auto distance = static_cast<double>(next_use - at);
  return favours_ == Favours::bytes ? distance
                                    : distance * static_cast<double>(trace_.sizes[object]);
}

Belady::Group* Belady::worst(std::size_t at) {
  Group* found = nullptr;
  double most = -1;
  for (auto& [_, group] : groups_) {
    if (group.empty()) continue;
    const auto [next_use, object] = *group.rbegin();
    const double here = score(at, next_use, object);
    if (here <= most) continue;
    most = here;
    found = &group;
  }
  return found;
}

}  // namespace entrepot::bench
