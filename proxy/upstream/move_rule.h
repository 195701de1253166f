// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace entrepot::upstream {

/// Decides when a body moves from a slow endpoint to another: where the other one would deliver the
/// rest four times as fast, two seconds in a row, and more than three seconds are left. At most
/// Limits::moves times per body. Pure; one thread.
class MoveRule {
 public:
  explicit MoveRule(int most) : left_(most) {}

  /// No move is left.
  bool exhausted() const { return left_ <= 0; }
  /// A new request begins.
  void restart() { slow_seconds_ = 0; }
  /// One second at `rate` bytes per second has passed, and `bytes` are left. `seconds_elsewhere`:
  /// the expected time of the other endpoint for them; negative: there is no other. True: move now.
  bool second(double rate, std::uint64_t bytes, double seconds_elsewhere) {
    const double here = static_cast<double>(bytes) / std::max(rate, 1.0);
    const bool slow =
        seconds_elsewhere >= 0 && here > worth_moving && here > factor * seconds_elsewhere;
    slow_seconds_ = slow ? slow_seconds_ + 1 : 0;
    if (slow_seconds_ < seconds_to_move) return false;
    --left_;
    return true;
  }

 private:
  static constexpr double factor = 4;
  static constexpr int seconds_to_move = 2;
  static constexpr double worth_moving = 3;  ///< seconds

  int left_;
  int slow_seconds_ = 0;  ///< in a row
};

}  // namespace entrepot::upstream
