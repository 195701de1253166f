// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::cache {

/// State of a FileHasher.
///
///   idle ──advance() or finish()──► running ──all bytes hashed so far──► idle
///     └──cancel()──► ended ◄──digest, read error or cancel()──┘
enum class HashPhase : std::uint8_t {
  idle,     ///< no job
  running,  ///< one job on the store pool, or on its way there
  ended,    ///< no job will start any more; the last one may still run
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(HashPhase from, HashPhase to) {
  using enum HashPhase;
  switch (from) {
    case idle:
      return to == running || to == ended;
    case running:
      return to == idle || to == ended;
    case ended:
      return false;
  }
  return false;
}

constexpr std::string_view to_string(HashPhase phase) {
  using enum HashPhase;
  switch (phase) {
    case idle:
      return "idle";
    case running:
      return "running";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(HashPhase) { return "the hasher of a fill"; }

}  // namespace entrepot::cache
