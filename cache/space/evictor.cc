// SPDX-License-Identifier: Apache-2.0
#include "cache/space/evictor.h"

#include <algorithm>

#include "cache/index/stored_size.h"

namespace entrepot::cache {
namespace {

/// Manifests above this part (1/32) of the cache are evicted before blobs.
constexpr std::uint64_t manifests_part = 32;
/// Partial files above this part (1/8) of the cache are evicted before complete blobs.
constexpr std::uint64_t partials_part = 8;

}  // namespace

Evictor::Evictor(const Environment& environment, BlobStore& store, const BlobFiles& files,
                 const FillNotes& notes, const Pins& pins, IndexRoom& index_room)
    : environment_(environment),
      store_(store),
      files_(files),
      notes_(notes),
      pins_(pins),
      index_room_(index_room) {}

std::uint64_t Evictor::evict_one(metrics::EvictionReason reason, Candidates among) {
  if (files_.released()) return 0;
  // A node that pulls lazily may need partial files only, but they must not fill the cache.
  if (store_.partials().bytes() > environment_.limits.max_size / partials_part)
    if (const auto freed = evict_partial()) return freed;
  // Another thread may have emptied it meanwhile.
  if (files_.quarantined().bytes() > 0)
    if (const auto freed = files_.quarantined().empty()) return freed;
  if (!environment_.lifecycle.loaded) return evict_partial();
  if (among == Candidates::probation)
    if (const auto freed = evict_blob(reason, among)) return freed;
  const bool manifests_first = !manifests_within_share();
  if (const auto freed = manifests_first ? evict_manifest(reason) : evict_blob(reason))
    return freed;
  if (const auto freed = manifests_first ? evict_blob(reason) : evict_manifest(reason))
    return freed;
  return evict_partial();
}

std::uint64_t Evictor::evict_partial() {
  if (files_.released()) return 0;
  const auto partial = store_.partials().take_oldest();
  if (!partial) return 0;
  notes_.discard_file(partial->digest);
  return std::max<std::uint64_t>(partial->extents.bytes(), 1);
}

void Evictor::Rest::begin(SteadyTime now, std::uint64_t count) {
  constexpr std::uint64_t many = 10'000;
  if (count >= many) until_.store(now + length_, std::memory_order_relaxed);
}

std::uint64_t Evictor::evict_blob(metrics::EvictionReason reason, Candidates among) {
  if (files_.released()) return 0;
  Index& blobs = store_.blobs();
  if (!blobs_rest_.over(environment_.clock.steady())) return 0;
  const auto victim = blobs.evict(
      blobs.bytes(),
      [this](const Digest& digest, bool /*used_lately*/) {
        return !files_.reads(digest) && !pins_.contains(digest) &&
               !store_.manifests().has(digest);  // its file is removed with the manifest
      },
      among);
  if (!victim) {
    if (among == Candidates::probation) return 0;
    blobs_rest_.begin(environment_.clock.steady(), blobs.count());
    return 0;
  }
  store_.forget_bytes(Resource::blob, victim->digest);
  // The entry is removed from the index in memory first. A crash then leaves a file without its
  // record or a record without its file, which the next start repairs. A hit on an incomplete blob
  // could not be repaired.
  if (!victim->is_inline) files_.remove_blob(victim->digest);
  environment_.index_writes.post([this, digest = victim->digest] {
    if (!store_.blobs().has(digest)) environment_.rocks.erase_blob(digest);
  });
  return count_victim(reason, *victim);
}

bool Evictor::manifests_within_share() const {
  return store_.manifests().bytes() <= environment_.limits.max_size / manifests_part;
}

std::uint64_t Evictor::evict_manifest(metrics::EvictionReason reason) {
  Index& manifests = store_.manifests();
  if (!manifests_rest_.over(environment_.clock.steady())) return 0;
  const bool any_age = !manifests_within_share();
  const auto victim =
      manifests.evict(manifests.bytes(), [this, any_age](const Digest& digest, bool used_lately) {
        return (any_age || !used_lately) && !pins_.contains(digest);
      });
  if (!victim) {
    manifests_rest_.begin(environment_.clock.steady(), manifests.count());
    return 0;
  }
  store_.forget_bytes(Resource::manifest, victim->digest);
  environment_.index_writes.post([this, digest = victim->digest] {
    if (!store_.manifests().has(digest)) environment_.rocks.erase_manifest(digest);
  });
  if (!victim->is_inline) store_.drop_blob(victim->digest, false);
  return count_victim(reason, *victim);
}

std::uint64_t Evictor::count_victim(metrics::EvictionReason reason, const Index::Victim& victim) {
  environment_.metrics.cache().evictions(reason).add();
  environment_.metrics.cache().evicted_bytes().add(victim.size);
  report_.add(reason, victim.size);
  if (!victim.is_inline) return size_on_disk(victim.size);
  index_room_.compact_if_due();
  return size_in_index(victim.size);
}

}  // namespace entrepot::cache
