// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/rate_budget.h"

#include <algorithm>

#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

constexpr std::uint64_t few_of_unknown = 10;
constexpr std::uint64_t few_share = 10;
/// The window that is assumed when none is named, and the longest that is accepted.
constexpr std::chrono::seconds usual_window = std::chrono::hours(1);
constexpr std::chrono::seconds longest_window = std::chrono::hours(24);

}  // namespace

void RateBudget::update(const ResponseHead& head, Time now) {
  const auto left = parse_ratelimit(head.ratelimit_remaining);
  if (!left) return;
  const auto limit = parse_ratelimit(head.ratelimit_limit);
  remaining_ = left->count;
  limit_ = limit ? std::optional(limit->count) : std::nullopt;
  const auto window = limit && limit->window ? limit->window : left->window;
  until_ = now + std::min(window.value_or(usual_window), longest_window);
}

std::optional<std::uint64_t> RateBudget::remaining(Time now) const {
  return now < until_ ? std::optional(remaining_) : std::nullopt;
}

std::optional<std::uint64_t> RateBudget::limit(Time now) const {
  return now < until_ ? limit_ : std::nullopt;
}

bool RateBudget::spent(Time now) const {
  return remaining_ == 0 && until_ - now > std::chrono::minutes(1);
}

std::uint64_t RateBudget::few() const { return limit_ ? *limit_ / few_share : few_of_unknown; }

bool RateBudget::low_on_quota(Time now) const { return now < until_ && remaining_ <= few(); }

bool RateBudget::ample(Time now) const { return now >= until_ || remaining_ > 2 * few(); }

}  // namespace entrepot::upstream
