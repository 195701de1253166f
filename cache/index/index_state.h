// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::cache {

/// Whether the index takes writes.
///
///   healthy ──no space──► full ──recover()──► healthy
///      └──another error──► failed ◄──fail_permanently()──┘
///   healthy or full ──release()──► released
enum class IndexState : std::uint8_t {
  healthy,
  full,      ///< writes are refused until the disk has space again
  failed,    ///< writes are refused until the process restarts
  released,  ///< writes are refused, because the next process makes them
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(IndexState from, IndexState to) {
  using enum IndexState;
  switch (from) {
    case healthy:
      return to == full || to == failed || to == released;
    case full:
      return to == healthy || to == failed || to == released;
    case failed:
    case released:
      return false;
  }
  return false;
}

constexpr std::string_view to_string(IndexState state) {
  using enum IndexState;
  switch (state) {
    case healthy:
      return "healthy";
    case full:
      return "full";
    case failed:
      return "failed";
    case released:
      return "released";
  }
  return "unknown";
}

constexpr std::string_view machine_of(IndexState) { return "the index"; }

}  // namespace entrepot::cache
