// SPDX-License-Identifier: Apache-2.0
#include "cache/widening.h"

#include <algorithm>

#include "cache/pieces.h"

namespace entrepot::cache {
namespace {

/// New transfers take a while to be at their speed: the second step after a change is what counts.
constexpr int steps_to_judge = 2;
/// Twice as many are worth it when they bring this much more.
constexpr double worth_it = 1.25;
/// Fewer intervals than these to go, at the present rate, are not worth a change.
constexpr double least_to_begin = 10;  // 3 s
constexpr double least_to_go_on = 5;   // 1.5 s
/// Of one segment. A request each: longer than the way to the registry and back, by far.
constexpr double segment_on_trial = 4;
constexpr double segment_after_it = 8;
constexpr std::uint64_t least_segment = 1 << 20;
/// Of a segment, at the end.
constexpr std::uint64_t least_part = 4;

}  // namespace

std::size_t Widening::step(std::uint64_t arrived, std::uint64_t left, std::size_t most) {
  const auto rate = static_cast<double>(arrived - std::min(arrived, arrived_));
  arrived_ = arrived;
  if (settled_ || ++steps_ < steps_to_judge) return transfers_;
  if (transfers_ > 1 && rate < rate_before_ * worth_it) {
    change(transfers_ / 2);
    settled_ = true;
    return transfers_;
  }
  if (transfers_ > 1) plan_segments(rate / static_cast<double>(transfers_), segment_after_it);
  const double to_go = static_cast<double>(left) / std::max(rate, 1.0);
  const bool time_enough = to_go > (transfers_ == 1 ? least_to_begin : least_to_go_on);
  if (transfers_ * 2 > most || !time_enough) return transfers_;
  if (transfers_ == 1) plan_segments(rate, segment_on_trial);
  rate_before_ = rate;
  change(transfers_ * 2);
  return transfers_;
}

std::uint64_t Widening::segment(std::uint64_t unasked) const {
  const auto least = std::max(segment_ / least_part, least_segment);
  return Pieces::grains({0, std::clamp(unasked / transfers_, least, segment_)}).end;
}

void Widening::narrow() {
  change(1);
  settled_ = true;
}

void Widening::change(std::size_t transfers) {
  transfers_ = transfers;
  steps_ = 0;
}

void Widening::plan_segments(double rate_of_each, double intervals) {
  const auto bytes = static_cast<std::uint64_t>(rate_of_each * intervals);
  segment_ = std::clamp(bytes, least_segment, Pieces::largest);
}

}  // namespace entrepot::cache
