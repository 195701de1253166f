// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace entrepot::upstream {

/// The circuit breaker of one endpoint, which spares it and the requests that would wait for it:
/// after `threshold` attempts in a row without a response it opens for a short, doubling, jittered
/// time; then one attempt at a time may probe. Any HTTP response closes it, an error status too.
///
///   closed    --threshold failures-->  open
///   open      --time passes-->         half open (decided in admit)
///   half open --answer-->              closed
///   half open --failure-->             open, for twice as long
///
/// Loop thread only; time comes from outside.
class Breaker {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  struct Options {
    int threshold = 4;
    std::chrono::milliseconds shortest{500};
    std::chrono::milliseconds longest{std::chrono::seconds(30)};
  };

  explicit Breaker(Options options, std::uint64_t seed);

  /// How long an attempt has to wait: 0, and it may start now. In the half-open state that is said
  /// to one caller, which holds the probe until it reports answered(), failed() or abandoned().
  std::chrono::milliseconds admit(Time now);

  /// admit() would say 0 now; takes nothing.
  bool admits(Time now) const { return !open_ || (now >= until_ && !probing_); }

  void answered();
  void failed(Time now);
  /// The attempt ended without telling anything about the endpoint (cancelled).
  void abandoned();

  bool open() const { return open_; }
  std::chrono::milliseconds longest() const { return options_.longest; }

 private:
  const Options options_;
  std::uint64_t random_;
  int failures_ = 0;  ///< in a row
  bool open_ = false;
  bool probing_ = false;
  std::chrono::milliseconds span_{0};  ///< of the current or last opening, before jitter
  Time until_{};
};

}  // namespace entrepot::upstream
