// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace entrepot::cache {

/// Wall-clock milliseconds since the epoch, for times that are stored on disk and compared after a
/// restart.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Monotonic time, for durations and deadlines.
using SteadyTime = std::chrono::steady_clock::time_point;

/// The source of time for the cache. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

/// Reads the clocks of the machine.
class SystemClock : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace entrepot::cache
