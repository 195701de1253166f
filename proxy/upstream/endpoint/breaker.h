// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "metrics/phase_variable.h"
#include "proxy/upstream/endpoint/breaker_state.h"

namespace entrepot::upstream {

/// The circuit breaker of one endpoint, which spares it and the requests that would wait for it:
/// after `threshold` attempts in a row without a response it opens for a short, doubling, jittered
/// time; then one attempt at a time may probe. A probe that fails opens it for twice as long. Any
/// HTTP response closes it, an error status too. breaker_state.h has the diagram.
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

  /// How long an attempt has to wait; 0 if it may start now. The attempt that may start when the
  /// time of an open breaker has passed is the probe until it reports answered(), failed() or
  /// abandoned().
  std::chrono::milliseconds admit(Time now);

  /// True if admit() would return 0 now. Changes nothing.
  bool admits(Time now) const {
    return !open() || (state_.is(BreakerState::open) && now >= until_);
  }

  void answered();
  void failed(Time now);
  /// The attempt ended without a result that says something about the endpoint (cancelled).
  void abandoned();

  /// True if attempts may have to wait: open, or probing.
  bool open() const { return !state_.is(BreakerState::closed); }
  std::chrono::milliseconds longest() const { return options_.longest; }

 private:
  const Options options_;
  std::uint64_t random_;
  PhaseVariable<BreakerState> state_{BreakerState::closed};
  int failures_ = 0;                   ///< in a row, while it is closed
  std::chrono::milliseconds span_{0};  ///< of the current or last opening, before jitter
  Time until_{};
};

}  // namespace entrepot::upstream
