// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/parallelism.h"

#include <algorithm>
#include <cmath>

#include "cache/fill/range_fetcher.h"

namespace entrepot::cache {
namespace {

/// New transfers take a while to be at their speed: the second half of the steps after a change is
/// what counts. So many steps at least, and where there is time, up to so many: bytes come in
/// bursts over a long way, and where some are lost.
constexpr std::size_t least_steps = 2;
constexpr std::size_t most_steps = 16;
/// A trial may take this part of the time to go.
constexpr double part_for_trial = 24;
/// Twice as many are worth it when they bring this much more; so much, and it is clear at once.
constexpr double worth_it = 1.25;
constexpr double clearly = 1.6;
/// Fewer intervals than these to go, at the present rate, are not worth a change.
constexpr double least_to_begin = 10;  // 3 s
constexpr double least_to_go_on = 5;   // 1.5 s
/// To the same speed with twice as many belongs a line that is full, where a trial costs readers
/// something and brings nothing: it then rests so much longer.
constexpr int rests_when_same = 4;
bool same_speed(double a, double b) { return std::abs(a - b) < b / 10; }
/// Of one segment. A request each: longer than the way to the registry and back, by far.
constexpr double segment_on_trial = 4;
constexpr double segment_after_it = 8;
constexpr std::uint64_t least_segment = 256 << 10;
/// Of a segment, at the end.
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
  return RangeFetcher::grains({0, std::clamp(unasked / transfers_, least, segment_)}).end;
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
  segment_ = std::clamp(bytes, least_segment, RangeFetcher::largest);
}

}  // namespace entrepot::cache
