// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "cache/digest.h"

namespace entrepot::cache {

/// Which blobs are stored, in memory, sharded. Serve loops ask it, homes change it. Any thread; a
/// find costs one shared lock of one shard and one relaxed atomic.
class Index {
 public:
  struct Found {
    std::uint64_t size;
    bool is_inline;  ///< the bytes are in RocksDB, not in a file
  };

  /// Counts as a use of the blob.
  std::optional<Found> find(const Digest& digest) const;
  /// Adds or replaces.
  void put(const Digest& digest, std::uint64_t size, bool is_inline);
  /// Returns whether it was there.
  bool erase(const Digest& digest);

  /// Sum of sizes and number of entries.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t shard_count = 64;

  struct Entry {
    Entry(std::uint64_t s, bool i) : size(s), is_inline(i) {}
    std::uint64_t size;
    bool is_inline;
    mutable std::atomic<std::uint8_t> uses{0};  ///< saturates at 3, as S3-FIFO reads it
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<Digest, Entry> entries;  // guarded by mutex, but for Entry::uses
  };

  Shard& shard_of(const Digest& digest) { return shards_[digest.bytes()[8] % shard_count]; }
  const Shard& shard_of(const Digest& digest) const {
    return shards_[digest.bytes()[8] % shard_count];
  }

  std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace entrepot::cache
