// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "metrics/metrics.h"
#include "proxy/upstream/endpoint/endpoint_stats.h"

namespace entrepot::upstream {

/// Measures the rate of one body, second by second, and reports it to the endpoint's statistics and
/// metrics. Seconds in which the body was held do not count. Loop thread only; time comes from
/// outside.
class BodyMeter {
 public:
  using Time = EndpointStats::Time;
  /// Between two calls of second().
  static constexpr std::chrono::seconds interval{1};
  /// Bytes. A shorter end of a body says nothing about the rate.
  static constexpr std::uint64_t least_measured = 256 * 1024;

  /// Both outlive this.
  BodyMeter(EndpointStats& stats, const metrics::EndpointMetrics& metrics)
      : stats_(stats), metrics_(metrics) {}
  ~BodyMeter() { stop(); }
  BodyMeter(const BodyMeter&) = delete;
  BodyMeter& operator=(const BodyMeter&) = delete;

  /// A body begins.
  void begin(Time now);
  bool running() const { return running_; }
  void count(std::size_t bytes) { bytes_ += bytes; }
  /// See cache::Fetch::hold().
  void hold(bool on);
  /// An interval has passed. Returns its rate in bytes per second; nullopt when the body was held.
  std::optional<double> second(Time now);
  /// The body is complete: measures the rest and stops.
  void complete(Time now);
  /// The body is over.
  void stop();

 private:
  double measure(std::uint64_t least, Time now);
  void restart(Time now);

  EndpointStats& stats_;
  const metrics::EndpointMetrics& metrics_;
  bool running_ = false;
  bool held_ = false;
  bool spoiled_ = false;  ///< held for a part of the interval
  std::uint64_t bytes_ = 0;
  Time since_{};
};

}  // namespace entrepot::upstream
