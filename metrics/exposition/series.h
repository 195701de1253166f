// SPDX-License-Identifier: Apache-2.0
// The storage of a series. Private to metrics/. Uses its own atomics rather than those of
// prometheus-cpp, whose histogram takes a mutex for each observation and whose counters are doubles
// updated by compare-and-swap. The library writes the exposition.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "metrics/word_table.h"

namespace entrepot::metrics {

using CounterSeries = std::atomic<std::uint64_t>;
using GaugeSeries = std::atomic<double>;

/// Upper bounds of the buckets, 0.5 ms to 30 s; one more bucket counts larger values.
inline constexpr std::array<double, 15> bucket_bounds = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

/// Any thread. The counts and the sum are not read atomically, which a scrape tolerates.
struct HistogramSeries {
  std::array<CounterSeries, bucket_bounds.size() + 1> counts{};
  CounterSeries nanoseconds{0};
};

/// One series for each value of an enum, whose words are the values of a label.
template <typename SeriesType, HasWords Enum>
struct EnumSeries {
  std::array<SeriesType, count_of<Enum>> series{};

  SeriesType& operator[](Enum value) { return series[index_of(value)]; }
};

}  // namespace entrepot::metrics
