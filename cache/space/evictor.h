// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "cache/base/clock.h"
#include "cache/index/index.h"
#include "cache/space/eviction_report.h"
#include "cache/space/index_room.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/environment.h"
#include "cache/store/fill_notes.h"
#include "cache/store/pins.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

/// Evicts stored objects to free space. The policy ranks the objects of a kind (eviction.h). This
/// class chooses the kind, spares pinned objects and blobs that are being read, and removes the
/// victim from memory, RocksDB and disk. Thread-safe. Unlinks files, so it belongs on a home loop
/// or on the store pool.
///
/// Order: partial files above an eighth of the cache, the quarantine, blobs, manifests not used in
/// the last hour, partial files. Manifests above a 32nd of the cache are evicted before blobs;
/// otherwise they stay longer, because an offline pull starts with a manifest and they are small.
class Evictor {
 public:
  /// All arguments must outlive this object.
  Evictor(const Environment& environment, BlobStore& store, const BlobFiles& files,
          const FillNotes& notes, const Pins& pins, IndexRoom& index_room);

  /// Evicts one object. Returns the bytes that it had on disk, 0 if none may be evicted. `reason`
  /// is a label of entrepot_cache_evictions_total. `among`: the blobs to choose from first.
  std::uint64_t evict_one(metrics::EvictionReason reason, Candidates among = Candidates::all);
  /// As evict_one(), for blobs only.
  std::uint64_t evict_blob(metrics::EvictionReason reason, Candidates among = Candidates::all);
  /// Removes the oldest partial file. Returns its bytes on disk, 0 if there is none.
  std::uint64_t evict_partial();
  /// The evictions of complete objects, for the log.
  EvictionReport& report() { return report_; }

 private:
  /// Delays the next search after one that found no victim. Such a search visits all objects of a
  /// kind, which is costly if there are many.
  class Rest {
   public:
    explicit Rest(std::chrono::milliseconds length) : length_(length) {}
    bool over(SteadyTime now) const { return now >= until_.load(std::memory_order_relaxed); }
    void begin(SteadyTime now, std::uint64_t count);

   private:
    const std::chrono::milliseconds length_;
    std::atomic<SteadyTime> until_{SteadyTime{}};
  };

  std::uint64_t evict_manifest(metrics::EvictionReason reason);
  bool manifests_within_share() const;
  std::uint64_t count_victim(metrics::EvictionReason reason, const Index::Victim& victim);

  const Environment& environment_;
  BlobStore& store_;
  const BlobFiles& files_;
  const FillNotes& notes_;
  const Pins& pins_;
  IndexRoom& index_room_;
  EvictionReport report_;
  Rest blobs_rest_{std::chrono::seconds(1)};
  Rest manifests_rest_{std::chrono::minutes(1)};
};

}  // namespace entrepot::cache
