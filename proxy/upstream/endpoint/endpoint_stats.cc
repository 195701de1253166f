// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/endpoint_stats.h"

#include <algorithm>
#include <cmath>

namespace entrepot::upstream {
namespace {

/// Weight of a sample that follows the one before at once.
constexpr double sample_weight = 0.3;
/// After this long what was known counts half, in seconds.
constexpr double sample_half_life = 5;
/// Slower by this much than for most of its samples is worse.
constexpr double worse_factor = 3;
constexpr double worse_first_byte = 0.02;
constexpr double failure_weight = 0.2;
constexpr double failure_half_life = 20;

double seconds(EndpointStats::Duration span) { return std::chrono::duration<double>(span).count(); }

double decay(EndpointStats::Duration age, double half_life) {
  return std::exp2(-std::max(seconds(age), 0.0) / half_life);
}

/// An endpoint is late after this share of its last response times, and after this time at least.
constexpr double late_share = 0.95;
constexpr std::chrono::milliseconds least_patience{50};

}  // namespace

void Measure::add(double value, Time now) {
  const double old = count_ == 0 ? 0 : (1 - sample_weight) * decay(now - last_, sample_half_life);
  mean_ = old * mean_ + (1 - old) * value;
  last_ = now;
  recent_[count_++ % kept] = value;
}

std::optional<double> Measure::mean() const {
  return count_ == 0 ? std::nullopt : std::optional(mean_);
}

std::optional<double> Measure::percentile(double share) const {
  if (count_ < least_for_percentile) return std::nullopt;
  const auto there = static_cast<std::size_t>(std::min<std::uint64_t>(count_, kept));
  auto sorted = recent_;
  const auto at = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(there))) - 1;
  const auto nth =
      sorted.begin() + std::clamp<std::ptrdiff_t>(at, 0, static_cast<std::ptrdiff_t>(there) - 1);
  std::nth_element(sorted.begin(), nth, sorted.begin() + static_cast<std::ptrdiff_t>(there));
  return *nth;
}

void EndpointStats::connected(Duration took, Time now) { connect_.add(seconds(took), now); }

void EndpointStats::first_byte(Duration waited, Time now) { first_byte_.add(seconds(waited), now); }

void EndpointStats::lost_race(Duration waited, Time now) {
  // Less than what is known already teaches nothing.
  if (seconds(waited) > first_byte_.mean().value_or(0)) first_byte_.add(seconds(waited), now);
}

void EndpointStats::received(std::uint64_t bytes, Duration took, Time now) {
  const int all = std::max(bodies_, 1);
  rate_.add(all * static_cast<double>(bytes) / std::max(seconds(took), 1e-6), now);
}

void EndpointStats::answers(Time now) {
  down_ = false;
  answered_at_ = now;
}

void EndpointStats::succeeded(Time now) {
  answers(now);
  succeeded_at_ = now;
  outcome(0, now);
}

void EndpointStats::unreachable(Time now) {
  down_ = true;
  unreachable_at_ = now;
  outcome(1, now);
}

void EndpointStats::faulty(Time now) { outcome(1, now); }

void EndpointStats::mismatched(Time now) { suspect_until_ = now + suspicion; }

void EndpointStats::outcome(double failure, Time now) {
  failure_rate_ *= decay(now - outcome_at_, failure_half_life);
  failure_rate_ += failure_weight * (failure - failure_rate_);
  outcome_at_ = now;
}

void EndpointStats::recall_times(std::optional<double> connect, std::optional<double> first_byte,
                                 Time then) {
  if (connect) connect_.add(*connect, then);
  if (first_byte) first_byte_.add(*first_byte, then);
}

Estimate EndpointStats::estimate(Time now) const {
  const auto usual_first_byte = first_byte_.percentile(0.5);
  const auto usual_rate = rate_.percentile(0.5);
  const bool late = usual_first_byte && first_byte_.mean() > worse_factor * *usual_first_byte &&
                    first_byte_.mean() > *usual_first_byte + worse_first_byte;
  const bool slow = usual_rate && rate_.mean().value_or(0) * worse_factor < *usual_rate;
  return {.connect = connect_.mean(),
          .first_byte = first_byte_.mean(),
          .rate = rate_.mean(),
          .bodies = bodies_,
          .rate_age = seconds(now - rate_.last()),
          .idle = seconds(now - answered_at_),
          .failure_rate = failure_rate_ * decay(now - outcome_at_, failure_half_life),
          .explored_age = seconds(now - explored_at_),
          .usual_rate = usual_rate,
          .worse = late || slow,
          .down = down_,
          .suspect = now < suspect_until_};
}

std::chrono::milliseconds patience(const EndpointStats& stats, const Timeouts& timeouts) {
  const auto usual = stats.first_byte_time().percentile(late_share);
  if (!usual) return timeouts.patience;
  const auto span = std::chrono::duration<double>(*usual);
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(span), least_patience,
                    std::max(timeouts.first_byte, least_patience));
}

}  // namespace entrepot::upstream
