// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::cache {

/// State of a Fill:
///
///   asking ──► arriving ──► proving ──► keeping ──► ended
///     ▲                        │
///     └─────second attempt─────┘        any but ended ──► ended
///
/// A fill that ends before `keeping` has failed, was abandoned, or delivered ranges only and left
/// its file to the next fill.
enum class FillPhase : std::uint8_t {
  asking,    ///< the upstream has not answered
  arriving,  ///< the head is accepted; the bytes arrive
  proving,   ///< all bytes have arrived; their digest is computed
  keeping,   ///< the digest is right; the object is being stored
  ended,     ///< not in the table of fills any more
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(FillPhase from, FillPhase to) {
  using enum FillPhase;
  switch (to) {
    case asking:
      return from == proving;
    case arriving:
      return from == asking;
    case proving:
      return from == arriving;
    case keeping:
      return from == proving;
    case ended:
      return from != ended;
  }
  return false;
}

constexpr std::string_view to_string(FillPhase phase) {
  using enum FillPhase;
  switch (phase) {
    case asking:
      return "asking";
    case arriving:
      return "arriving";
    case proving:
      return "proving";
    case keeping:
      return "keeping";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(FillPhase) { return "a fill"; }

/// The part of a blob that its fill fetches:
///
///   ranges ──► only_ranges ──► whole
///     └───────────────────────►
enum class FetchScope : std::uint8_t {
  ranges,       ///< the ranges that clients request; all of it once that pays
  only_ranges,  ///< there was no room for all of it; a client that wants all of it may try again
  whole,        ///< all of it, and requested ranges early
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(FetchScope from, FetchScope to) { return from < to; }

constexpr std::string_view to_string(FetchScope scope) {
  using enum FetchScope;
  switch (scope) {
    case ranges:
      return "ranges";
    case only_ranges:
      return "only ranges";
    case whole:
      return "whole";
  }
  return "unknown";
}

constexpr std::string_view machine_of(FetchScope) { return "the scope of a fill"; }

}  // namespace entrepot::cache
