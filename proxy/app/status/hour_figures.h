// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>

#include "cache/base/clock.h"
#include "metrics/counts.h"

namespace entrepot::app {

/// The counts of the last hour: keeps those of the whole process once a minute, and subtracts. One
/// thread.
class HourFigures {
 public:
  struct Figures {
    std::chrono::seconds span{0};  ///< that they cover; an hour, and at most a minute more
    metrics::Counts counts;
  };

  /// `start`: of the process, when all counts were 0.
  explicit HourFigures(cache::SteadyTime start) : samples_{{start, {}}} {}

  /// True if the next sample is due: add() does nothing before.
  bool due(cache::SteadyTime now) const { return now - samples_.back().at >= interval; }
  /// `counts`: of the whole process at `now`. Call it at least once a minute.
  void add(cache::SteadyTime now, const metrics::Counts& counts);
  /// `counts` as for add().
  Figures until(cache::SteadyTime now, const metrics::Counts& counts) const;

 private:
  static constexpr std::chrono::minutes interval{1};
  static constexpr std::chrono::hours span{1};

  struct Sample {
    cache::SteadyTime at;
    metrics::Counts counts;
  };
  std::deque<Sample> samples_;  // ascending; never empty; the first one is the base of the hour
};

}  // namespace entrepot::app
