// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entrepot::app {

/// The phases of a Handover:
///
///   waiting ──hello──► offered ──release──► releasing ──given up──► released ──serving──► done
///      ▲                  │                     │                   │ │   ▲                 ▲
///      └──────closed──────┴──────refused────────┘                   │ │ hello               │
///                                               │                   │ └─a minute─► late ─serving
///                                               └──closed─► abandoned ◄──closed──────┘
///
///   offered    another process has the listening sockets; this one accepts as before
///   releasing  the cache is being given up
///   released   the other process opens the cache; this one serves what is stored, and stores
///              nothing
///   late       the same for too long
///   abandoned  the other process has ended too early; as released, and the next one may come
///   done       the other process serves; this one drains
enum class HandoverPhase : std::uint8_t {
  waiting,
  offered,
  releasing,
  released,
  late,
  abandoned,
  done,
};

constexpr std::string_view to_string(HandoverPhase phase) {
  constexpr std::string_view names[] = {"waiting", "offered",   "releasing", "released",
                                        "late",    "abandoned", "done"};
  return names[static_cast<std::size_t>(phase)];
}

/// True for the arrows of the diagram. Pure.
constexpr bool may_follow(HandoverPhase from, HandoverPhase to) {
  using enum HandoverPhase;
  switch (from) {
    case waiting:
      return to == offered;
    case offered:
      return to == waiting || to == releasing;
    case releasing:
      return to == waiting || to == released || to == abandoned;
    case released:
      return to == late || to == abandoned || to == done;
    case late:
      return to == abandoned || to == done;
    case abandoned:
      return to == released;
    case done:
      break;
  }
  return false;
}

constexpr std::string_view machine_of(HandoverPhase) { return "the handover"; }

}  // namespace entrepot::app
