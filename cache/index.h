// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "cache/digest.h"
#include "cache/eviction.h"

namespace entrepot::cache {

/// Which blobs are stored, in memory, sharded, and in which order they would leave. Serve loops ask
/// it, homes and the store pool change it. Any thread; a find costs one shared lock of one shard
/// and one relaxed atomic, a change one lock of all.
class Index {
 public:
  struct Found {
    std::uint64_t size;
    bool is_inline;  ///< the bytes are in RocksDB, not in a file
  };
  struct Victim {
    Digest digest;
    std::uint64_t size;
    bool is_inline;
  };

  /// Counts as a use of the blob.
  std::optional<Found> find(const Digest& digest) const;
  /// Does not count as a use.
  bool has(const Digest& digest) const;
  /// Adds or replaces.
  void put(const Digest& digest, std::uint64_t size, bool is_inline);
  /// Returns whether it was there.
  bool erase(const Digest& digest);

  /// Takes out the blob that should leave when all are to keep to `capacity` bytes; nullopt where
  /// `may_leave` lets none go. The caller removes what is on the disk. `may_leave` is called under
  /// the lock of changes and must not call back.
  std::optional<Victim> evict(std::uint64_t capacity,
                              const std::function<bool(const Digest&)>& may_leave);

  /// Sum of sizes and number of entries.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  /// What the files take on the disk.
  std::uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }
  /// What a file of `size` bytes takes: file systems give out blocks.
  static std::uint64_t on_disk(std::uint64_t size) { return (size + block - 1) / block * block; }

 private:
  static constexpr std::size_t shard_count = 64;
  static constexpr std::uint64_t block = 4096;

  struct Entry : Resident {
    bool is_inline = false;
    const Digest* digest = nullptr;  // the key, which stays where it is
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<Digest, Entry> entries;  // guarded by mutex, but for Resident::uses
  };

  Shard& shard_of(const Digest& digest) { return shards_[digest.bytes()[8] % shard_count]; }
  const Shard& shard_of(const Digest& digest) const {
    return shards_[digest.bytes()[8] % shard_count];
  }
  void count(const Entry& entry, bool added);

  std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> file_bytes_{0};
  std::atomic<std::uint64_t> count_{0};
  /// Taken before a shard's.
  std::mutex change_mutex_;
  EvictionPolicy policy_;  // guarded by change_mutex_
};

}  // namespace entrepot::cache
