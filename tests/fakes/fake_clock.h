// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/base/clock.h"

namespace entrepot::fakes {

/// A clock that moves when the test says so. Wall and steady time move together unless the wall
/// clock is set on its own.
class FakeClock final : public cache::Clock {
 public:
  cache::WallTime wall() const override { return wall_; }
  cache::SteadyTime steady() const override { return steady_; }

  void advance(std::chrono::milliseconds by) {
    wall_ += by;
    steady_ += by;
  }
  void set_wall_back(std::chrono::milliseconds by) { wall_ -= by; }

 private:
  cache::WallTime wall_{std::chrono::milliseconds(1'700'000'000'000)};
  cache::SteadyTime steady_{std::chrono::hours(1)};
};

}  // namespace entrepot::fakes
