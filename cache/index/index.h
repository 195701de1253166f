// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_set>

#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "cache/base/origins.h"
#include "cache/base/packed_digest.h"
#include "cache/index/eviction.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The stored objects of a kind, in memory, sharded, in eviction order. Serve loops read it; home
/// loops and the store pool change it. Thread-safe. A look-up, a use or a doubt takes one shared
/// lock of one shard and a few relaxed atomics of the entry. A change takes a lock over all shards.
///
/// Designed for millions of entries: about 110 bytes each (tests/bench/index.cc).
class Index {
 public:
  /// The index entry of a digest.
  struct Stored {
    std::uint64_t size = 0;
    bool is_inline = false;  ///< the bytes are in RocksDB, not in a file
    /// The digest must be verified before the object is served: it was marked by doubt(), or not
    /// read for long_unread.
    bool doubtful = false;
    Origins::Set origins = Origins::nobody;
  };
  struct Victim {
    Digest digest;
    std::uint64_t size;
    bool is_inline;
  };
  /// True if an object may be evicted now.
  using MayEvict = std::function<bool(const Digest&, bool used_lately)>;

  std::optional<Stored> find(const Digest& digest) const;
  bool has(const Digest& digest) const { return find(digest).has_value(); }
  /// The uses of an object since the start of the process.
  struct Uses {
    std::uint16_t hits = 0;         ///< saturates at the largest number
    std::chrono::minutes since{0};  ///< the time since the last hit, to a step of the clock
  };
  Uses uses(const Digest& digest) const;

  /// Adds or replaces.
  void put(const Digest& digest, const Stored& stored);
  /// Adds an object from the index on disk at startup. An existing entry is newer and stays. The
  /// object is not on probation.
  void restore(const Digest& digest, const Stored& stored);
  /// Returns true if the digest was stored.
  bool erase(const Digest& digest);

  // These do nothing if the digest is not stored.
  /// Counts one request that was answered with the object. The eviction policy ranks objects by
  /// these counts.
  void use(const Digest& digest) const;
  /// The object was read and has its digest.
  void trust(const Digest& digest) const;
  void doubt(const Digest& digest) const;

  /// Removes and returns the next victim when the total target size is `capacity` bytes; nullopt if
  /// no object may be evicted. The caller removes it from the disk. `may_evict` is called under the
  /// lock for changes and must not call back.
  std::optional<Victim> evict(std::uint64_t capacity, const MayEvict& may_evict,
                              Candidates among = Candidates::all);

  /// Sets the time that uses are recorded with. Called periodically, and before insertions.
  void set_time(WallTime now);

  /// Sum of sizes and number of entries.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  /// Disk space of all files in bytes.
  std::uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }

  /// Size of inline objects in RocksDB after erased ones have been merged away.
  std::uint64_t inline_bytes() const { return inline_bytes_.load(std::memory_order_relaxed); }
  /// Size of inline objects that were erased or replaced since the start of the process.
  std::uint64_t inline_erased() const { return inline_erased_.load(std::memory_order_relaxed); }

  /// Definition of "lately"; imprecise by one step of the clock.
  static constexpr std::chrono::minutes lately{60};
  /// A file that was not read for this long may have decayed. In steps of the clock.
  static constexpr std::chrono::days long_unread{7};

 private:
  static constexpr std::size_t shard_count = 64;
  /// Resolution of the times in entries, which wrap around after 682 days.
  static constexpr std::chrono::minutes time_step{15};

  struct Entry : Resident {
    static constexpr std::uint8_t is_inline = 1, doubtful = 2;

    explicit Entry(const Digest& digest_in) : digest(digest_in) {}
    bool is(std::uint8_t flag) const { return (flags.load(std::memory_order_relaxed) & flag) != 0; }

    // Declared here and in this order, they fit into the padding of the base class.
    mutable std::atomic<std::uint8_t> flags{0};
    Origins::Set origins = Origins::nobody;  // changed under the lock of the shard
    mutable std::atomic<std::uint16_t> hits{0};
    mutable std::atomic<std::uint16_t> used_at{0};  // time of the last use or verification
    const PackedDigest digest;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Entry& entry) const noexcept { return entry.digest.hash(); }
    std::size_t operator()(const Digest& digest) const noexcept { return digest.hash(); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Entry& one, const Entry& other) const {
      return one.digest == other.digest;
    }
    bool operator()(const Digest& one, const Entry& other) const { return other.digest == one; }
    bool operator()(const Entry& one, const Digest& other) const { return one.digest == other; }
  };
  using Entries = std::unordered_set<Entry, Hash, Equal>;
  struct Shard {
    mutable SharedMutex mutex;
    Entries entries GUARDED_BY(mutex);  // except for their atomics
  };

  /// Calls `with` with the entry, if it exists, under the shared lock of its shard.
  template <typename With>
  void with_entry(const Digest& digest, const With& with) const;
  /// Selects a shard by the first byte of the digest, which is the order of RocksDB. Loading
  /// neighbours into one shard stays within the processor's caches and halves the start time.
  Shard& shard_of(const Digest& digest) { return shards_[digest.bytes()[0] % shard_count]; }
  const Shard& shard_of(const Digest& digest) const {
    return shards_[digest.bytes()[0] % shard_count];
  }
  /// The set depends on the digest only, which is const; the other members of an entry may change.
  static Entry& changeable(const Entry& entry) { return const_cast<Entry&>(entry); }
  Entry& add(Shard& shard, const Digest& digest, const Stored& stored) REQUIRES(shard.mutex);
  static void set_flags(Entry& entry, const Stored& stored);
  std::chrono::minutes unused_for(const Entry& entry) const;
  void note_time(const Entry& entry) const;
  void count(const Entry& entry, bool added);

  std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> file_bytes_{0};
  std::atomic<std::uint64_t> inline_bytes_{0};
  std::atomic<std::uint64_t> inline_erased_{0};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint16_t> time_{0};
  /// Taken before the lock of a shard.
  Mutex change_mutex_;
  EvictionPolicy policy_ GUARDED_BY(change_mutex_);
};

}  // namespace entrepot::cache
