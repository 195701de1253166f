// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// State of a Breaker.
///
///   closed  --failures in a row-->          open
///   open    --time passes, an attempt-->    probing
///   probing --failure, or abandoned-->      open
///   probing --answer-->                     closed
///   open    --answer to an older attempt--> closed
enum class BreakerState : std::uint8_t {
  closed,   ///< every attempt may start
  open,     ///< no attempt may start before a point in time; the first one after it probes
  probing,  ///< one attempt runs, and the others wait for its result
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(BreakerState from, BreakerState to) {
  using enum BreakerState;
  switch (from) {
    case closed:
      return to == open;
    case open:
      return to == probing || to == closed;
    case probing:
      return to == open || to == closed;
  }
  return false;
}

constexpr std::string_view to_string(BreakerState state) {
  using enum BreakerState;
  switch (state) {
    case closed:
      return "closed";
    case open:
      return "open";
    case probing:
      return "probing";
  }
  return "unknown";
}

constexpr std::string_view machine_of(BreakerState) { return "a circuit breaker"; }

}  // namespace entrepot::upstream
