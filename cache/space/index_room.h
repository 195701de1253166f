// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/base/clock.h"
#include "cache/base/executor.h"
#include "cache/store/blob_store.h"
#include "cache/store/disk.h"
#include "cache/store/environment.h"

namespace entrepot::cache {

/// The disk space of RocksDB. Its live bytes are counted. Erased bytes (dead bytes) stay on disk
/// until RocksDB merges its files; evicting more objects would not free them sooner. The rest of
/// the cache therefore leaves space for the live bytes and an allowance. Once dead bytes reach the
/// allowance, a job of the store pool merges them away. If merging does not keep up, writing stops.
/// Thread-safe.
class IndexRoom {
 public:
  /// All arguments must outlive this object. `compacted` is called on the store pool after a merge.
  /// Queries the disk.
  IndexRoom(const Environment& environment, const Disk& disk, BlobStore& store, Job compacted)
      : environment_(environment),
        disk_(disk),
        store_(store),
        compacted_(std::move(compacted)),
        disk_bytes_(disk.total_bytes()) {}

  /// Live bytes and the allowance, which the cache counts as used. Before loading has ended, the
  /// last measurement.
  std::uint64_t claimed() const;
  std::uint64_t live() const;
  /// Bytes that were erased and not merged away.
  std::uint64_t dead() const;
  /// The last measurement plus the bytes written since.
  std::uint64_t on_disk() const;
  /// True if `bytes` more may be written now. May query the disk; call it on the store pool.
  bool can_write(std::uint64_t bytes);
  /// Starts a merge in the background, if it is due.
  void compact_if_due();
  /// Called after loading: bytes on disk that are not live are dead. Call it on the store pool.
  void loaded();
  /// Queries the disk. Call it on the store pool.
  void measure();

 private:
  /// Upper bound of the cache size in bytes, with the last measured size of the disk: stores ask
  /// for it several times an object, and a system call each time costs more than the rest.
  std::uint64_t bound() const;
  /// Bytes that RocksDB may use in addition to its live ones, for logs and dead bytes.
  std::uint64_t allowance() const;
  std::uint64_t erased() const;
  void compact(std::uint64_t erased);

  const Environment& environment_;
  const Disk& disk_;
  BlobStore& store_;
  const Job compacted_;
  std::atomic<std::uint64_t> disk_bytes_;  // size of the file system
  std::atomic<std::uint64_t> measured_{0};
  std::atomic<std::uint64_t> written_{0};  // since the last measurement
  std::atomic<std::uint64_t> tables_{0};   // size of all families except the contents
  std::atomic<std::uint64_t> dead_before_{0};
  std::atomic<std::uint64_t> erased_before_{0};
  std::atomic<bool> compacting_{false};
  std::atomic<SteadyTime> rests_until_{SteadyTime{}};
};

}  // namespace entrepot::cache
