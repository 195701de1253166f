// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/choice.h"

#include <algorithm>
#include <cmath>

namespace entrepot::upstream {
namespace {

// Used when no candidate has been measured: all are alike, and any number does.
constexpr double assumed_first_byte = 0.1;
constexpr double assumed_rate = 10 * 1024 * 1024;

/// A rate measured this long ago counts half, in seconds.
constexpr double rate_half_life = 20;
/// A rate this old, in seconds, is measured again; one endpoint not more often than the second
/// says.
constexpr double rate_too_old = 300;
constexpr double explore_again = 30;
/// Measuring may cost this many times what the best would.
constexpr double exploring_price = 1.5;
/// A kept connection is believed in for this long (CURLOPT_MAXAGE_CONN).
constexpr double connection_age = 60;
/// The cost of a failed request, besides that of the next one, in seconds.
constexpr double failure_cost = 2;

// Another is clearly better than the incumbent below this share of its time, and by this much.
constexpr double clearly_better = 0.75;
constexpr double least_saving = 0.003;

/// The best of what is known of any candidate.
struct Best {
  double first_byte = assumed_first_byte;
  double rate = assumed_rate;
};

Best best_of(std::span<const Candidate> candidates) {
  std::optional<double> first_byte;
  std::optional<double> rate;
  for (const auto& candidate : candidates) {
    const Estimate& estimate = candidate.estimate;
    if (estimate.first_byte)
      first_byte = std::min(*estimate.first_byte, first_byte.value_or(*estimate.first_byte));
    if (estimate.rate) rate = std::max(*estimate.rate, rate.value_or(0));
    // One that has become slow says what the line can do.
    if (estimate.usual_rate) rate = std::max(*estimate.usual_rate, rate.value_or(0));
  }
  return {first_byte.value_or(assumed_first_byte), std::max(rate.value_or(assumed_rate), 1.0)};
}

/// The rate that one more body would get.
double rate_of(const Estimate& estimate, double best) {
  const double trust = estimate.rate ? std::exp2(-estimate.rate_age / rate_half_life) : 0;
  const double all = trust * estimate.rate.value_or(0) + (1 - trust) * best;
  return std::max(all / (estimate.bodies + 1), 1.0);
}

double cost(const Estimate& estimate, std::uint64_t bytes, const Best& best) {
  double time = estimate.first_byte.value_or(best.first_byte);
  if (estimate.idle > connection_age) time += estimate.connect.value_or(0);
  time += static_cast<double>(bytes) / rate_of(estimate, best.rate);
  return time + estimate.failure_rate * failure_cost;
}

/// Lower is better; only the lowest that is there is chosen from.
int tier(const Candidate& candidate) {
  if (!candidate.open) return 4;
  if (candidate.estimate.down) return 3;
  if (candidate.estimate.suspect) return 2;
  return candidate.low_on_quota ? 1 : 0;
}

/// The best of the lowest tier.
std::optional<std::size_t> least_cost(std::span<const Candidate> candidates, std::uint64_t bytes,
                                      const Best& best) {
  std::optional<std::size_t> chosen;
  double least = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].excluded) continue;
    const double time = cost(candidates[i].estimate, bytes, best);
    const int difference = chosen ? tier(candidates[i]) - tier(candidates[*chosen]) : -1;
    if (difference > 0 || (difference == 0 && time >= least)) continue;
    chosen = i;
    least = time;
  }
  return chosen;
}

/// A candidate to measure, at the price of using it in place of `chosen`.
std::optional<std::size_t> unmeasured(std::span<const Candidate> candidates, std::uint64_t bytes,
                                      const Best& best, std::size_t chosen) {
  if (bytes <= small_object || tier(candidates[chosen]) != 0) return std::nullopt;
  const double price = exploring_price * cost(candidates[chosen].estimate, bytes, best);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Estimate& estimate = candidates[i].estimate;
    if (i == chosen || candidates[i].excluded || tier(candidates[i]) != 0) continue;
    // The probes measure an endpoint that has not answered yet.
    const bool unknown = !estimate.rate || estimate.rate_age > rate_too_old;
    if (!estimate.first_byte || !unknown || estimate.explored_age < explore_again) continue;
    if (cost(estimate, bytes, best) <= price) return i;
  }
  return std::nullopt;
}

}  // namespace

double expected_seconds(std::span<const Candidate> candidates, std::size_t candidate,
                        std::uint64_t bytes) {
  return cost(candidates[candidate].estimate, bytes, best_of(candidates));
}

std::optional<Choice> choose(std::span<const Candidate> candidates, std::uint64_t bytes,
                             std::optional<std::size_t> incumbent) {
  const Best best = best_of(candidates);
  auto chosen = least_cost(candidates, bytes, best);
  if (!chosen) return std::nullopt;
  if (incumbent && *incumbent < candidates.size() && !candidates[*incumbent].excluded &&
      tier(candidates[*incumbent]) == tier(candidates[*chosen])) {
    const double its_time = cost(candidates[*incumbent].estimate, bytes, best);
    const double least = cost(candidates[*chosen].estimate, bytes, best);
    const bool moves = least < its_time * clearly_better && least + least_saving < its_time;
    if (!moves) chosen = incumbent;
  }
  if (const auto other = unmeasured(candidates, bytes, best, *chosen)) return Choice{*other, true};
  return Choice{*chosen, false};
}

}  // namespace entrepot::upstream
