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
#include <unordered_set>

#include "cache/clock.h"
#include "cache/digest.h"
#include "cache/eviction.h"
#include "cache/origins.h"
#include "cache/packed_digest.h"

namespace entrepot::cache {

/// Which objects of a kind are stored, in memory, sharded, and in which order they would leave.
/// Serve loops ask it, homes and the store pool change it. Any thread; a question, a use or a doubt
/// costs one shared lock of one shard and some relaxed atomics of the entry, a change one lock of
/// all.
///
/// Made for millions: about 110 bytes an entry (tests/bench/index.cc).
class Index {
 public:
  /// What is stored under a digest.
  struct Stored {
    std::uint64_t size = 0;
    bool is_inline = false;  ///< the bytes are in RocksDB, not in a file
    /// To be compared with its digest before it is served: found so, or unread for long_unread.
    bool doubtful = false;
    Origins::Set origins = Origins::nobody;
  };
  struct Victim {
    Digest digest;
    std::uint64_t size;
    bool is_inline;
  };
  /// Whether an object may leave now.
  using MayLeave = std::function<bool(const Digest&, bool used_lately)>;

  std::optional<Stored> look(const Digest& digest) const;
  bool has(const Digest& digest) const { return look(digest).has_value(); }
  /// Since the start of the process; stops at the largest number.
  std::uint16_t hits(const Digest& digest) const;

  /// Adds or replaces.
  void put(const Digest& digest, const Stored& stored);
  /// What the index on disk says, at the start: what is in memory already is younger and stays. Old
  /// objects are not on probation.
  void restore(const Digest& digest, const Stored& stored);
  /// Returns whether it was there.
  bool erase(const Digest& digest);

  // These do nothing where it is not stored.
  /// A request was answered with it. Once for each: it is by this that the policy knows what is
  /// worth its room.
  void use(const Digest& digest) const;
  /// It was read, and has its digest.
  void trust(const Digest& digest) const;
  void doubt(const Digest& digest) const;

  /// Takes out the object that should leave when all are to keep to `capacity` bytes; nullopt where
  /// none may. The caller removes what is on the disk. `may_leave` is called under the lock of
  /// changes and must not call back.
  std::optional<Victim> evict(std::uint64_t capacity, const MayLeave& may_leave,
                              Candidates among = Candidates::all);

  /// The time that uses are noted with, told now and then, and before anything is put.
  void set_time(WallTime now);

  /// Sum of sizes and number of entries.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  /// What the files take on the disk.
  std::uint64_t file_bytes() const { return file_bytes_.load(std::memory_order_relaxed); }
  /// What a file of `size` bytes takes: file systems give out blocks.
  static std::uint64_t on_disk(std::uint64_t size) { return (size + block - 1) / block * block; }

  /// What the inline objects take in RocksDB once it has merged what was erased.
  std::uint64_t inline_bytes() const { return inline_bytes_.load(std::memory_order_relaxed); }
  /// What those took that left since the start of the process, or were put anew.
  std::uint64_t inline_erased() const { return inline_erased_.load(std::memory_order_relaxed); }
  /// What RocksDB needs for the bytes of an inline object: its key, once in a table and, from
  /// value_files_from on, once more beside the value.
  static std::uint64_t in_index(std::uint64_t size) {
    return size + (size < value_files_from ? 48 : 128);
  }
  /// Values from this size on lie in files of their own kind (rocks_open.cc), in which merging
  /// tables does not write them again. Smaller ones lie in the tables: there they need less room.
  static constexpr std::uint64_t value_files_from = 4096;

  /// "Lately" is this long, and up to a step of the clock more.
  static constexpr std::chrono::minutes lately{60};
  /// A file that nobody has read for so long may have rotted. In steps of the clock.
  static constexpr std::chrono::days long_unread{7};

 private:
  static constexpr std::size_t shard_count = 64;
  static constexpr std::uint64_t block = 4096;
  /// Of the times in entries, which come round after 682 days.
  static constexpr std::chrono::minutes time_step{15};

  struct Entry : Resident {
    static constexpr std::uint8_t is_inline = 1, doubtful = 2;

    explicit Entry(const Digest& digest_in) : digest(digest_in) {}
    bool is(std::uint8_t flag) const { return (flags.load(std::memory_order_relaxed) & flag) != 0; }

    // Here and in this order they fit behind the base without making it larger.
    mutable std::atomic<std::uint8_t> flags{0};
    Origins::Set origins = Origins::nobody;  // changed under the shard's lock
    mutable std::atomic<std::uint16_t> hits{0};
    mutable std::atomic<std::uint16_t> used_at{0};  // or proven
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
    mutable std::shared_mutex mutex;
    Entries entries;  // guarded by mutex, but for the atomics in them
  };

  /// Calls `with` with the entry, if there is one, under the shared lock of its shard.
  template <typename With>
  void with_entry(const Digest& digest, const With& with) const;
  /// By the beginning of the digest, in whose order RocksDB gives them back: a start that puts
  /// neighbours into one shard stays within the processor's caches, and takes half the time.
  Shard& shard_of(const Digest& digest) { return shards_[digest.bytes()[0] % shard_count]; }
  const Shard& shard_of(const Digest& digest) const {
    return shards_[digest.bytes()[0] % shard_count];
  }
  /// Of an entry only the digest is what the set goes by, and that is const.
  static Entry& changeable(const Entry& entry) { return const_cast<Entry&>(entry); }
  Entry& add(Shard& shard, const Digest& digest, const Stored& stored);
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
  /// Taken before a shard's.
  std::mutex change_mutex_;
  EvictionPolicy policy_;  // guarded by change_mutex_
};

}  // namespace entrepot::cache
