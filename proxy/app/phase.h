// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entrepot::app {

/// The phases of a Mirror.
///
///   made ──run()──► serving ──SIGTERM, SIGINT, drain()──► draining ──► ending
///    │                 │                                  ▲            ▲
///    │                 └─handover─► replaced ─────────────┼────────────┘
///    └──────────────────────the same, before it serves────┘
///
///   replaced   as draining, but signals change nothing: a service manager that stops the process
///              in service sends SIGTERM to all processes of the unit, and systemd does so twice
///   draining   /readyz answers 503, the listeners are closed, replies in progress have
///              timeouts.drain to end; a second signal or drain() closes their connections
///   ending     the flights end; then run() returns
enum class Phase : std::uint8_t { made, serving, replaced, draining, ending };

constexpr std::string_view to_string(Phase phase) {
  constexpr std::string_view names[] = {"made", "serving", "replaced", "draining", "ending"};
  return names[static_cast<std::size_t>(phase)];
}

/// True for the arrows of the diagram. Pure.
constexpr bool may_follow(Phase from, Phase to) {
  switch (from) {
    case Phase::made:
      return to == Phase::serving || to == Phase::draining;
    case Phase::serving:
      return to == Phase::replaced || to == Phase::draining;
    case Phase::replaced:
    case Phase::draining:
      return to == Phase::ending;
    case Phase::ending:
      break;
  }
  return false;
}

constexpr std::string_view machine_of(Phase) { return "the mirror"; }

}  // namespace entrepot::app
