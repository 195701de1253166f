// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// State of an ObjectFetch:
///
///   waiting ──→ requesting ──→ delivering
///      ↑         ↑ │  ↑ │       │      │
///      ├─ retry ─┼─┘  └─┘       │      │
///      │         └─── move ─────┘      │
///      └──────────── resume ───────────┘
///
/// `requesting` moves to itself when a GET replaces a refused HEAD. `requesting` and `delivering`
/// move to `done`.
enum class FetchPhase : std::uint8_t {
  waiting,     ///< the timer starts the next request
  requesting,  ///< a request is sent, perhaps a hedge too; no response is used yet
  delivering,  ///< the sink receives the body of one response
  done,        ///< the sink has the result
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(FetchPhase from, FetchPhase to) {
  using enum FetchPhase;
  switch (to) {
    case waiting:
      return from == requesting || from == delivering;
    case requesting:
      return from != done;
    case delivering:
      return from == requesting;
    case done:
      return from == requesting || from == delivering;
  }
  return false;
}

constexpr std::string_view to_string(FetchPhase phase) {
  using enum FetchPhase;
  switch (phase) {
    case waiting:
      return "waiting";
    case requesting:
      return "requesting";
    case delivering:
      return "delivering";
    case done:
      return "done";
  }
  return "unknown";
}

constexpr std::string_view machine_of(FetchPhase) { return "a fetch of an object"; }

}  // namespace entrepot::upstream
