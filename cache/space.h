// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "cache/blob_files.h"
#include "cache/clock.h"
#include "cache/executor.h"
#include "cache/index.h"
#include "cache/index_room.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

struct Shared;

/// Keeps the cache within its disk: blobs, arriving files and the index together stay within
/// max_size (index_room.h says what is the index's), and the file system keeps reserve_free. Who is
/// about to write reserves room first, and blobs leave for it (eviction.h says which); a background
/// job keeps 1 % free so that this is rare. Thread-safe. What evicts unlinks files, so it belongs
/// on a home or the store pool.
class Space {
 public:
  /// Room for an arriving file, given back when it goes: then the blob is in the index, or the file
  /// is gone.
  class Reservation {
   public:
    Reservation(Space& space, std::uint64_t bytes, std::uint64_t there)
        : space_(space), bytes_(bytes), written_(there) {}
    ~Reservation();
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    /// More of the reserved bytes are on the disk now. The owner's thread.
    void wrote(std::uint64_t bytes);
    std::uint64_t bytes() const { return bytes_; }

   private:
    friend class Space;
    Space& space_;
    std::uint64_t bytes_;
    std::uint64_t written_;
    std::uint64_t promised_ = 0;  // of a body of which nothing has come yet
  };

  /// `shared` is being made; its options, index, files and rocks are there already.
  explicit Space(Shared& shared) : index_(shared), shared_(shared) {}

  struct Room {
    std::unique_ptr<Reservation> reservation;  ///< null where there is none
    std::string_view refused;                  ///< why, as in entrepot_bypass_total
  };
  /// `there`: how many of them are on the disk already, and counted nowhere.
  Room reserve(std::uint64_t bytes, std::uint64_t there = 0);
  /// For a file of which `announced` bytes are to arrive and `there` have: room for what comes
  /// first. Who announces much and sends little must not push out what others use: the rest is
  /// reserved as bytes come (grow() by step()), and for this part those on probation leave, others
  /// only where nobody is. Refused where all of it could never be kept.
  Room reserve_first(std::uint64_t announced, std::uint64_t there = 0);
  /// How much more to reserve once `came` bytes have arrived: at most as much again.
  std::uint64_t step(std::uint64_t came) const;
  /// A file of this size may be kept, if enough leaves for it.
  bool may_hold(std::uint64_t bytes) const;
  /// For an object whose bytes go into the index. Store pool.
  Room reserve_in_index(std::uint64_t bytes);
  /// More room for an arriving file. False where there is none.
  bool grow(Reservation& reservation, std::uint64_t bytes);
  /// The disk is full whatever the numbers say: lets blobs of `bytes` go. False when none can.
  bool make_room(std::uint64_t bytes);
  /// A write failed for another reason: nothing is kept for a while.
  void distrust();
  /// What the cache can be at most: max_size, or less on a smaller disk.
  std::uint64_t bound() const;
  /// Sets the metric of that, and warns where the disk is the smaller one.
  void tell_size() const;
  /// Evicts to the low-water mark in the background, where that is due.
  void trim();
  IndexRoom& index() { return index_; }
  const IndexRoom& index() const { return index_; }

  /// Everything the cache has on the disk, and what is reserved.
  std::uint64_t used() const;
  std::uint64_t reserved_files() const { return files_.load(std::memory_order_relaxed); }

 private:
  /// What has to go before so many bytes fit, and for which bound's sake, as in
  /// entrepot_cache_evictions_total.
  struct Missing {
    std::uint64_t bytes;
    std::string_view reason;
  };
  Missing missing(std::uint64_t bytes, std::uint64_t there = 0) const;
  /// The part of used() that lies in files of its own.
  std::uint64_t in_files() const;
  /// Warns, once an hour, that others leave us less of the disk than the configuration does.
  void tell_crowded();
  std::uint64_t can_be() const;
  /// Others have taken most of the disk.
  bool crowded() const;
  /// What the background job keeps free of it.
  std::uint64_t headroom() const;
  /// The headroom less what is reserved for bodies of which nothing has come: the job evicts
  /// nothing for those.
  std::uint64_t untaken_headroom() const;
  /// As reserve(); `among`: who leaves for it first.
  Room reserve_among(Candidates among, std::uint64_t bytes, std::uint64_t there);
  /// Counts the bytes as reserved, after making room. False where that cannot be.
  bool take(std::uint64_t bytes, std::uint64_t there = 0, Candidates among = Candidates::all);
  bool distrusted() const;
  /// Whether another file can be made, after blobs were let go for it if that is ours to do.
  bool inode_left();
  /// Lets one object go; its bytes, 0 where none may.
  std::uint64_t evict_one(std::string_view reason, Candidates among = Candidates::all);
  std::uint64_t evict_blob(std::string_view reason, Candidates among = Candidates::all);
  /// Of a blob of which only pieces are there, those that were left first.
  std::uint64_t evict_partial();
  /// While they keep to their share, never one that was used in the last hour: an offline pull
  /// begins with it.
  std::uint64_t evict_manifest(std::string_view reason);
  bool manifests_keep_to_share() const;
  /// Looking for a victim in vain goes through all of a kind, so where there are many it is not
  /// done again at once.
  class Rest {
   public:
    explicit Rest(std::chrono::milliseconds length) : length_(length) {}
    bool over(SteadyTime now) const { return now >= until_.load(std::memory_order_relaxed); }
    void begin(SteadyTime now, std::uint64_t count);

   private:
    const std::chrono::milliseconds length_;
    std::atomic<SteadyTime> until_{SteadyTime{}};
  };
  std::uint64_t count_victim(std::string_view reason, const Index::Victim& victim);
  void trim_step(Missing left);

  IndexRoom index_;
  Shared& shared_;
  std::mutex mutex_;  // of take(): two must not count the same room
  std::atomic<std::uint64_t> reserved_{0};
  std::atomic<std::uint64_t> unwritten_{0};  // of the reserved bytes
  std::atomic<std::uint64_t> promised_{0};   // of those, of bodies of which nothing has come yet
  std::atomic<std::uint64_t> files_{0};
  std::atomic<bool> trimming_{false};
  Rest blobs_rest_{std::chrono::seconds(1)};
  Rest manifests_rest_{std::chrono::minutes(1)};
  // Of the steady clock, ms.
  std::atomic<std::int64_t> distrusted_until_{0};
  std::atomic<std::int64_t> crowded_told_at_{0};
};

}  // namespace entrepot::cache
