// SPDX-License-Identifier: Apache-2.0
#include "cache/widening.h"

#include <algorithm>

namespace entrepot::cache {
namespace {

/// New transfers take a while to be at their speed: the second step after a change is what counts.
constexpr int steps_to_judge = 2;
/// Twice as many are worth it when they bring this much more.
constexpr double worth_it = 1.25;
/// Fewer intervals than these to go, at the present rate, are not worth a change.
constexpr double least_to_begin = 10;  // 3 s
constexpr double least_to_go_on = 5;   // 1.5 s

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
  const double to_go = static_cast<double>(left) / std::max(rate, 1.0);
  const bool time_enough = to_go > (transfers_ == 1 ? least_to_begin : least_to_go_on);
  if (transfers_ * 2 > most || !time_enough) return transfers_;
  rate_before_ = rate;
  change(transfers_ * 2);
  return transfers_;
}

void Widening::narrow() {
  change(1);
  settled_ = true;
}

void Widening::change(std::size_t transfers) {
  transfers_ = transfers;
  steps_ = 0;
}

}  // namespace entrepot::cache
