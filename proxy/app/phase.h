// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::app {

/// The phases of a Mirror.
///
///   made ──run()──► serving ──SIGTERM, SIGINT, drain()──► draining ──► ending
///    └──────────────────────the same, before it serves───────┘
enum class Phase : std::uint8_t { made, serving, draining, ending };

constexpr std::string_view to_string(Phase phase) {
  constexpr std::string_view names[] = {"made", "serving", "draining", "ending"};
  return names[static_cast<std::size_t>(phase)];
}

/// True for the arrows of the diagram. Pure.
constexpr bool may_follow(Phase from, Phase to) {
  switch (from) {
    case Phase::made:
      return to == Phase::serving || to == Phase::draining;
    case Phase::serving:
      return to == Phase::draining;
    case Phase::draining:
      return to == Phase::ending;
    case Phase::ending:
      break;
  }
  return false;
}

/// Moves `phase` along an arrow. Any other move is a bug: a debug build ends the process, a release
/// build logs an error and makes the move.
inline void advance(Phase& phase, Phase next) {
  if (!may_follow(phase, next)) {
#ifndef NDEBUG
    bug("a forbidden transition of the mirror's phase");
#endif
    log::error("bug: the mirror's phase went from {} to {}; please report it", to_string(phase),
               to_string(next));
  }
  phase = next;
}

}  // namespace entrepot::app
