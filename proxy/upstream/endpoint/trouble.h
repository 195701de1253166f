// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "metrics/phase_variable.h"
#include "metrics/reasons.h"

namespace entrepot::upstream {

/// State of a Trouble:
///
///   none ──failure──> counted ──failures in a row, or its circuit opens──> logged
///    ↑                  │                                                 │
///    └─────success──────┴─────────────────────success─────────────────────┘
enum class TroubleState : std::uint8_t {
  none,
  counted,  ///< failures since the last success, which may be chance
  logged,   ///< the log has a line about them
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(TroubleState from, TroubleState to) {
  using enum TroubleState;
  switch (to) {
    case none:
      return from != none;
    case counted:
      return from == none;
    case logged:
      return from == counted;
  }
  return false;
}

constexpr std::string_view to_string(TroubleState state) {
  using enum TroubleState;
  switch (state) {
    case none:
      return "none";
    case counted:
      return "counted";
    case logged:
      return "logged";
  }
  return "unknown";
}

constexpr std::string_view machine_of(TroubleState) { return "the trouble of an endpoint"; }

/// The last failure of an endpoint, since when it lasts, and whether the log has to mention it. A
/// missing object and a refused repository are no failures of an endpoint. One thread; the caller
/// passes the time.
class Trouble {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Last {
    metrics::EndpointFailure reason;
    std::string text;   ///< one phrase; no secret, no query of a URL
    Time since;         ///< the first failure like this after the last success
    Time at;            ///< the latest
    bool over = false;  ///< a request has succeeded since
  };
  /// The line that the log has to have about a failure.
  enum class Line : std::uint8_t {
    none,
    begun,    ///< requests fail
    changed,  ///< they fail for another reason than the last line said
  };

  /// Failures in a row that need a line, where the circuit stays closed: an endpoint that answers.
  static constexpr int failures_before_line = 4;
  /// Lines at once, and the time after which there may be one more: trouble may begin, end and
  /// change its reason with each request.
  static constexpr int most_lines = 10;
  static constexpr std::chrono::minutes line_again{1};

  /// A request, or a probe, has failed. `certain`: it concerns more than one request, because its
  /// circuit has just opened, or a check says so. Reasons differ if
  /// their words do; numbers in `text`, such as times, do not count.
  Line failed(metrics::EndpointFailure reason, std::string_view text, bool certain, Time now);
  /// A request has succeeded. True if the log has a line about trouble, which is over.
  bool succeeded();
  /// nullopt before the first failure.
  const std::optional<Last>& last() const { return last_; }
  /// Failures since the last success.
  bool present() const { return !state_.is(TroubleState::none); }
  /// The log has a line about them.
  bool logged() const { return state_.is(TroubleState::logged); }

 private:
  bool take_line(Time now);

  PhaseVariable<TroubleState> state_{TroubleState::none};
  std::optional<Last> last_;
  std::string logged_;  ///< the reason in the last line, without its numbers
  int in_a_row_ = 0;
  int lines_ = most_lines;
  Time lines_at_{};
};

/// The place where an operator finds the cause of a failure like this: one phrase that begins with
/// a verb; empty where the failure says it all. Pure.
std::string_view remedy_of(metrics::EndpointFailure reason);

/// True for the failures that concern an endpoint rather than one object or repository.
constexpr bool concerns_endpoint(metrics::EndpointFailure reason) {
  using enum metrics::EndpointFailure;
  return reason != not_found && reason != denied;
}

}  // namespace entrepot::upstream
