// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// State of a CurlTransfer:
///
///   created → awaiting_head ─┬→ delivering ─→ refused ─┐
///                            ├→ discarding ─→ cut ─────┤
///                            ├→ refused                ├→ ended
///                            └→ cut                    │
///   any but ended ─→ abandoned ───────────────────────┘
///
/// Every phase but `created` may move to `ended`: the response is complete, or the transfer failed.
enum class TransferPhase : std::uint8_t {
  created,        ///< libcurl does not have it yet
  awaiting_head,  ///< no final response head yet
  delivering,     ///< the sink receives the body
  discarding,     ///< the body is read and dropped
  cut,            ///< a discarded body is too long to read; the response counts as complete
  refused,        ///< the sink aborted the response or took no more of its body
  abandoned,      ///< the user destroyed the Transfer
  ended,          ///< the sink received its on_end()
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(TransferPhase from, TransferPhase to) {
  using enum TransferPhase;
  switch (to) {
    case created:
      return false;
    case awaiting_head:
      return from == created;
    case delivering:
    case discarding:
      return from == awaiting_head;
    case cut:
      return from == awaiting_head || from == discarding;
    case refused:
      return from == awaiting_head || from == delivering;
    case abandoned:
      return from != ended && from != abandoned;
    case ended:
      return from != created && from != ended;
  }
  return false;
}

constexpr std::string_view to_string(TransferPhase phase) {
  using enum TransferPhase;
  switch (phase) {
    case created:
      return "created";
    case awaiting_head:
      return "awaiting head";
    case delivering:
      return "delivering";
    case discarding:
      return "discarding";
    case cut:
      return "cut";
    case refused:
      return "refused";
    case abandoned:
      return "abandoned";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(TransferPhase) { return "an upstream transfer"; }

}  // namespace entrepot::upstream
