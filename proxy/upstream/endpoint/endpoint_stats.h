// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/upstream/transfer/timeouts.h"

namespace entrepot::upstream {

/// Samples of one quantity: their mean, in which what is old counts less, and the last of them for
/// percentiles. A sample that comes after a long silence replaces most of what was known. One
/// thread; time comes from outside.
class Measure {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void add(double value, Time now);
  /// nullopt without a sample.
  std::optional<double> mean() const;
  /// The value that `share` (0 to 1) of the last samples do not exceed; nullopt while there are
  /// fewer than least_for_percentile.
  std::optional<double> percentile(double share) const;
  Time last() const { return last_; }
  std::uint64_t count() const { return count_; }

  static constexpr std::size_t least_for_percentile = 8;

 private:
  static constexpr std::size_t kept = 64;

  double mean_ = 0;
  Time last_{};
  std::uint64_t count_ = 0;
  std::array<double, kept> recent_{};  ///< a ring
};

/// The input of choose() (choice.h). Times in seconds, rates in bytes per second.
struct Estimate {
  std::optional<double> connect;
  std::optional<double> first_byte;
  std::optional<double> rate;  ///< of all its bodies together
  int bodies = 0;              ///< in transfer
  double rate_age = 0;         ///< since the last sample of the rate
  double idle = 0;             ///< since its last response: kept connections may be closed
  double failure_rate = 0;     ///< 0 to 1, of its recent requests
  double explored_age = 0;     ///< since it was last chosen to measure it
  /// The best rate of a longer time, whatever the current one is.
  std::optional<double> usual_rate;
  bool worse = false;    ///< much slower than it was for most of its last samples
  bool down = false;     ///< its last request got no response
  bool suspect = false;  ///< it sent wrong bytes lately
};

/// Statistics of one endpoint, from transfers and from probes. Loop thread only; the caller passes
/// the time.
class EndpointStats {
 public:
  using Time = Measure::Time;
  using Duration = std::chrono::nanoseconds;

  /// How long wrong bytes are held against an endpoint.
  static constexpr std::chrono::minutes suspicion{10};

  void connected(Duration took, Time now);
  /// It responded, with any status, `waited` after the request was sent.
  void first_byte(Duration waited, Time now);
  /// It had not responded after `waited`, when its request was cancelled: its time is longer.
  void lost_race(Duration waited, Time now);
  /// An interval of a body that was not held. Other bodies in transfer are assumed to have received
  /// as many bytes.
  void received(std::uint64_t bytes, Duration took, Time now);
  /// A body begins, or is over.
  void body_begins() { ++bodies_; }
  void body_ends() { --bodies_; }

  /// Any response proves that it is not down; only that to a client's request (not to a probe)
  /// counts for the share of failures.
  void answers(Time now);
  void succeeded(Time now);
  /// A request has succeeded since, and none has gone unanswered after it.
  bool works_since(Time since) const {
    return succeeded_at_ >= since && succeeded_at_ > unreachable_at_;
  }
  /// It did not answer: no connection, or nothing came.
  void unreachable(Time now);
  /// It answered with a server's error, broke off, or stalled.
  void faulty(Time now);
  void mismatched(Time now);
  void explored(Time now) { explored_at_ = now; }

  /// Restores the statistics of another process, taken at `then`: one sample each, in seconds and
  /// bytes per second.
  void recall_times(std::optional<double> connect, std::optional<double> first_byte, Time then);
  void recall_rate(double rate, Time then) { rate_.add(rate, then); }

  Estimate estimate(Time now) const;
  const Measure& connect_time() const { return connect_; }
  const Measure& first_byte_time() const { return first_byte_; }
  const Measure& rate() const { return rate_; }

 private:
  void outcome(double failure, Time now);

  Measure connect_;
  Measure first_byte_;
  Measure rate_;
  int bodies_ = 0;
  double failure_rate_ = 0;
  Time outcome_at_{};
  Time answered_at_{};
  Time succeeded_at_{};
  Time unreachable_at_{};
  Time suspect_until_{};
  Time explored_at_{};
  bool down_ = false;
};

/// How long a request waits for the first byte before another endpoint gets it too. Pure.
std::chrono::milliseconds patience(const EndpointStats& stats, const Timeouts& timeouts);

}  // namespace entrepot::upstream
