// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace entrepot::cache {

/// Wall-clock milliseconds since the epoch: what is written to disk and compared across restarts.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Monotonic time, for everything that lasts.
using SteadyTime = std::chrono::steady_clock::time_point;

/// The time as the cache sees it. Any thread; thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

/// The machine's clocks.
class SystemClock : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace entrepot::cache
