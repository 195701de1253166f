// SPDX-License-Identifier: Apache-2.0
#include "cache/store/freshness.h"

#include <algorithm>

#include "metrics/pattern.h"

namespace entrepot::cache {

struct TagFreshness::Rule {
  Pattern match;
  std::chrono::milliseconds fresh_for;
};

TagFreshness::TagFreshness(const TagPolicy& policy)
    : fresh_for_(policy.fresh_for), stale_for_(policy.stale_for) {
  for (const auto& rule : policy.rules) {
    rules_.push_back({Pattern(rule.match), rule.fresh_for});
  }
}

TagFreshness::~TagFreshness() = default;
TagFreshness::TagFreshness(TagFreshness&&) noexcept = default;

std::chrono::milliseconds TagFreshness::fresh_for(std::string_view tag) const {
  for (const auto& rule : rules_) {
    if (rule.match.matches(tag)) return rule.fresh_for;
  }
  return fresh_for_;
}

namespace {

/// Backward adjustment of a clock that is considered normal.
constexpr std::chrono::seconds clock_jitter{5};

}  // namespace

std::chrono::milliseconds age_of(WallTime checked_at, WallTime now,
                                 std::chrono::milliseconds unknown) {
  if (checked_at - now > clock_jitter) return unknown;
  return std::max(now - checked_at, std::chrono::milliseconds(0));
}

Freshness judge(std::chrono::milliseconds age, std::chrono::milliseconds fresh_for,
                std::chrono::milliseconds stale_for) {
  // Strictly younger, so that 0 means "revalidate each time".
  if (age < std::chrono::duration_cast<std::chrono::milliseconds>(fresh_for * grace_begins)) {
    return Freshness::fresh;
  }
  if (age < fresh_for) return Freshness::grace;
  // Both values may be unlimited, so the sum is not computed.
  return age - fresh_for <= stale_for ? Freshness::due : Freshness::expired;
}

}  // namespace entrepot::cache
