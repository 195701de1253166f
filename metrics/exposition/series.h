// SPDX-License-Identifier: Apache-2.0
// The storage of a series. Private to metrics/. Uses its own atomics rather than those of
// prometheus-cpp, whose histogram takes a mutex for each observation and whose counters are doubles
// updated by compare-and-swap. The library writes the exposition.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

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

/// Counters or gauges, one for each word of a fixed list. The last word counts all unknown words,
/// so that the label set is bounded.
template <typename SeriesType, std::size_t size>
struct WordSeries {
  std::array<std::string_view, size> words;
  std::array<SeriesType, size> series{};

  SeriesType* at(std::string_view word) {
    const auto found = std::find(words.begin(), words.end() - 1, word);
    return &series[static_cast<std::size_t>(found - words.begin())];
  }
};

}  // namespace entrepot::metrics
