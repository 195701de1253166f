// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/clock.h"

namespace entrepot::cache {

struct Shared;

/// What the index takes of the cache's disk. Its live bytes are counted. What was erased from it
/// (dead bytes) stays on the disk until RocksDB merges its files; letting more objects go would not
/// bring that back any sooner. So the rest of the cache leaves to the index its live bytes and an
/// allowance, and whenever the dead ones are as much as that allowance, a job of the store pool
/// has them merged away. While that does not keep up, nothing more goes into the index.
/// Thread-safe.
class IndexRoom {
 public:
  explicit IndexRoom(Shared& shared) : shared_(shared) {}

  /// Live bytes and the allowance: what the cache counts as the index's. Before everything is
  /// loaded, what was last measured.
  std::uint64_t claimed() const;
  std::uint64_t live() const;
  /// Erased, and not merged away.
  std::uint64_t dead() const;
  /// As last measured, and what was written since.
  std::uint64_t on_disk() const;
  /// Whether `bytes` more may be written now. May ask the disk: store pool.
  bool takes(std::uint64_t bytes);
  /// Merges in the background, where that is due.
  void compact_if_due();
  /// Everything is loaded: what lies on the disk and is not live is dead. Store pool.
  void loaded();
  /// Asks the disk. Store pool.
  void measure();

 private:
  /// Of the bytes that the index may have beside its live ones: for logs and for dead bytes.
  std::uint64_t allowance() const;
  std::uint64_t erased() const;
  void compact(std::uint64_t erased);

  Shared& shared_;
  std::atomic<std::uint64_t> measured_{0};
  std::atomic<std::uint64_t> written_{0};  // since it was measured
  std::atomic<std::uint64_t> tables_{0};   // of all but the contents
  std::atomic<std::uint64_t> dead_before_{0};
  std::atomic<std::uint64_t> erased_before_{0};
  std::atomic<bool> compacting_{false};
  std::atomic<SteadyTime> rests_until_{SteadyTime{}};
};

}  // namespace entrepot::cache
