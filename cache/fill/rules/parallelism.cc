// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/rules/parallelism.h"

#include <algorithm>
#include <cmath>

#include "cache/fill/rules/grains.h"

namespace entrepot::cache {
namespace {

/// New transfers take a while to reach their speed: the second half of the steps after a change
/// counts. A trial has at least `least_steps`, and up to `most_steps` if there is time: over a long
/// path, and with packet loss, bytes arrive in bursts.
constexpr std::size_t least_steps = 2;
constexpr std::size_t most_steps = 16;
/// A trial may take this part of the time to go.
constexpr double part_for_trial = 24;
/// Twice as many transfers are worth it if they are faster by this factor; by the second one, the
/// trial ends at once.
constexpr double worth_it = 1.25;
constexpr double clearly = 1.6;
/// If fewer intervals remain at the present rate, a change is not worth it.
constexpr double least_to_begin = 10;  // 3 s
constexpr double least_to_go_on = 5;   // 1.5 s
/// The same speed with twice as many transfers shows a saturated link, where trials cost readers
/// something and gain nothing: the pause is longer by this factor.
constexpr int rests_when_same = 4;
bool same_speed(double a, double b) { return std::abs(a - b) < b / 10; }
/// Intervals that the transfer of one segment takes: far more than the round trip of its request.
constexpr double segment_on_trial = 4;
constexpr double segment_after_it = 8;
constexpr std::uint64_t least_segment = 256 << 10;
/// The last segments are shorter by at most this factor.
constexpr std::uint64_t least_part = 4;

}  // namespace

std::size_t Parallelism::step(std::uint64_t arrived, std::uint64_t left, std::size_t most) {
  arrived_.push_back(arrived);
  if (arrived_.size() > most_steps) arrived_.pop_front();
  rest_ = std::max(rest_ - 1, 0);
  if (settled_ || arrived_.size() < least_steps) return transfers_;
  const double now = speed();
  const double to_go = static_cast<double>(left) / std::max(now, 1.0);
  if (on_trial_) {
    const auto verdict = judge(now, left);
    if (verdict == Verdict::not_yet) return transfers_;
    on_trial_ = false;
    if (verdict == Verdict::no_better) {
      change(transfers_ / 2);
      rest_ = next_rest_ * (same_speed(now, speed_before_) ? rests_when_same : 1);
      next_rest_ *= 2;
      return transfers_;
    }
  }
  if (transfers_ > 1) plan_segments(now / static_cast<double>(transfers_), segment_after_it);
  const bool time_enough = to_go > (transfers_ == 1 ? least_to_begin : least_to_go_on);
  if (rest_ > 0 || transfers_ * 2 > most || !time_enough) return transfers_;
  if (transfers_ == 1) plan_segments(now, segment_on_trial);
  speed_before_ = now;
  on_trial_ = true;
  change(transfers_ * 2);
  return transfers_;
}

double Parallelism::speed() const {
  const auto last = arrived_.size() - 1;
  const auto steps = arrived_.size() / 2;
  const auto before = std::min(arrived_[last - steps], arrived_[last]);
  return static_cast<double>(arrived_[last] - before) / static_cast<double>(steps);
}

Parallelism::Verdict Parallelism::judge(double speed, std::uint64_t left) const {
  if (speed >= speed_before_ * clearly) return Verdict::better;
  const double to_go = static_cast<double>(left) / std::max({speed, speed_before_, 1.0});
  const double steps = std::clamp(to_go / part_for_trial, double{least_steps}, double{most_steps});
  if (static_cast<double>(arrived_.size()) < steps) return Verdict::not_yet;
  return speed < speed_before_ * worth_it ? Verdict::no_better : Verdict::better;
}

std::uint64_t Parallelism::segment(std::uint64_t unasked) const {
  const auto least = std::max(segment_ / least_part, least_segment);
  return grains({0, std::clamp(unasked / transfers_, least, segment_)}).end;
}

void Parallelism::narrow() {
  change(1);
  settled_ = true;
}

void Parallelism::change(std::size_t transfers) {
  transfers_ = transfers;
  arrived_.clear();
}

void Parallelism::plan_segments(double speed_of_each, double intervals) {
  const auto bytes = static_cast<std::uint64_t>(speed_of_each * intervals);
  segment_ = std::clamp(bytes, least_segment, max_range);
}

}  // namespace entrepot::cache
