// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "cache/base/clock.h"
#include "cache/space/evictor.h"
#include "cache/space/index_room.h"
#include "cache/space/room.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/disk.h"
#include "cache/store/disk_health.h"
#include "cache/store/environment.h"
#include "metrics/mutex.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

using metrics::BypassReason;
using metrics::EvictionReason;

/// Keeps the cache within its disk limits: blobs, growing files and RocksDB together stay within
/// max_size (see index_room.h for RocksDB), and the file system keeps reserve_free. A writer
/// reserves bytes first; objects are evicted if needed. A background job keeps 1 % free so that
/// this is rare. Thread-safe. Reservations evict, which unlinks files, so they belong on a home
/// loop or on the store pool.
class DiskBudget {
 public:
  /// Bytes reserved for a growing file. Destroy it after the blob is in the index or the file is
  /// removed.
  class Reservation {
   public:
    Reservation(DiskBudget& budget, std::uint64_t bytes, std::uint64_t written)
        : budget_(budget), bytes_(bytes), written_(written) {}
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    /// Reports that `bytes` more of the reserved bytes are on disk. Called on the thread of the
    /// owner.
    void wrote(std::uint64_t bytes);
    std::uint64_t bytes() const { return bytes_; }

   private:
    friend class DiskBudget;
    DiskBudget& budget_;
    std::uint64_t bytes_;
    std::uint64_t written_;
    std::uint64_t promised_ = 0;  // for a body without any arrived byte
  };

  /// All arguments must outlive this object.
  DiskBudget(const Environment& environment, const Disk& disk, BlobStore& store,
             const BlobFiles& files, DiskHealth& health, IndexRoom& index_room, Evictor& evictor);

  struct Room {
    std::unique_ptr<Reservation> reservation;  ///< null: refused
    BypassReason refused{};                    ///< the reason, if refused
  };
  /// Reserves `bytes`. `present`: how many of them are on disk already without being counted.
  Room reserve(std::uint64_t bytes, std::uint64_t present = 0);
  /// Reserves the first step for a file of `announced` bytes of which `present` have arrived. The
  /// rest is reserved as bytes arrive (grow() by step()), because an upstream that announces many
  /// bytes and sends few must not evict objects in use. The first step evicts blobs on probation,
  /// and others only without them. Refused if `announced` bytes exceed any possible size.
  Room reserve_first(std::uint64_t announced, std::uint64_t present = 0);
  /// Number of bytes to reserve next after `arrived` bytes: a quarter of them, at least 64 KiB.
  std::uint64_t step(std::uint64_t arrived) const;
  /// True if a file of this size can be stored after enough evictions.
  bool may_hold(std::uint64_t bytes) const;
  /// Reserves bytes for an object that is stored in RocksDB. Call it on the store pool.
  Room reserve_in_index(std::uint64_t bytes);
  /// Reserves more bytes for a growing file. Returns false if refused.
  bool grow(Reservation& reservation, std::uint64_t bytes);
  /// Called if the disk is full in spite of the budget: evicts blobs of `bytes`. Returns false if
  /// none may be evicted.
  bool make_room(std::uint64_t bytes);
  /// Starts eviction to the low-water mark in the background, if it is due.
  void trim();

  /// Upper bound of the cache size in bytes: max_size, or less on a smaller disk. Queries the disk.
  std::uint64_t bound() const { return cache_bound(disk_.total_bytes(), environment_.limits); }
  /// Bytes on disk plus reserved bytes.
  std::uint64_t used() const;
  /// Number of growing files.
  std::uint64_t reserved_files() const { return files_reserved_.load(std::memory_order_relaxed); }
  /// For no_room(). Queries the disk.
  Numbers numbers() const;
  /// Sets the metric of bound(), and logs a warning if the disk is smaller than max_size.
  void publish_bound() const;
  /// Sets the gauges of sizes and object counts. Queries RocksDB; call it on the store pool.
  void publish_gauges() const;

 private:
  /// Bytes to evict before a reservation fits, and the limit that requires it.
  struct Missing {
    std::uint64_t bytes;
    EvictionReason reason;
  };
  Missing missing(std::uint64_t bytes, std::uint64_t present = 0) const;
  /// The part of used() in files outside of RocksDB.
  std::uint64_t in_files() const;
  /// Maximum size that the cache can reach now: max_size, or less on a disk that other programs
  /// fill.
  std::uint64_t reachable_size() const;
  /// True if other programs use most of the disk.
  bool crowded() const;
  /// Logs a warning about it, at most once an hour.
  void warn_if_crowded();
  /// Bytes that the background job keeps free, minus those promised to bodies without any arrived
  /// byte, for which it evicts nothing.
  std::uint64_t headroom() const;
  /// reserve() that evicts from `among` first.
  Room reserve_among(Candidates among, std::uint64_t bytes, std::uint64_t present);
  /// Evicts if necessary and counts the bytes as reserved. Returns false if that is impossible.
  bool take(std::uint64_t bytes, std::uint64_t present = 0, Candidates among = Candidates::all);
  /// True if another file can be created, after evictions if the cache has used up the inodes.
  bool inode_left();
  void trim_step(Missing left);

  const Environment& environment_;
  const Disk& disk_;
  BlobStore& store_;
  const BlobFiles& files_;
  DiskHealth& health_;
  IndexRoom& index_room_;
  Evictor& evictor_;
  Mutex mutex_;  // taken by take(), so that two threads do not count the same bytes
  std::atomic<std::uint64_t> reserved_{0};
  std::atomic<std::uint64_t> unwritten_{0};  // of the reserved bytes
  // of the unwritten bytes, for bodies without any arrived byte
  std::atomic<std::uint64_t> promised_{0};
  std::atomic<std::uint64_t> files_reserved_{0};
  std::atomic<bool> trimming_{false};
  std::atomic<SteadyTime> crowded_warned_at_{SteadyTime{}};
};

}  // namespace entrepot::cache
