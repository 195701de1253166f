// SPDX-License-Identifier: Apache-2.0
#include "cache/index.h"

namespace entrepot::cache {

std::optional<Index::Found> Index::find(const Digest& digest) const {
  const Shard& shard = shard_of(digest);
  const std::shared_lock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return std::nullopt;
  found->second.use();
  return Found{found->second.size, found->second.is_inline};
}

bool Index::has(const Digest& digest) const {
  const Shard& shard = shard_of(digest);
  const std::shared_lock lock(shard.mutex);
  return shard.entries.contains(digest);
}

void Index::put(const Digest& digest, std::uint64_t size, bool is_inline) {
  const std::lock_guard changing(change_mutex_);
  Shard& shard = shard_of(digest);
  const std::unique_lock lock(shard.mutex);
  const auto [place, added] = shard.entries.try_emplace(digest);
  Entry& entry = place->second;
  if (!added) count(entry, false);
  entry.is_inline = is_inline;
  if (added) {
    entry.digest = &place->first;
    entry.fingerprint = digest.hash();
    entry.size = size;
    policy_.admit(entry);
  } else {
    policy_.resize(entry, size);
  }
  count(entry, true);
}

bool Index::erase(const Digest& digest) {
  const std::lock_guard changing(change_mutex_);
  Shard& shard = shard_of(digest);
  const std::unique_lock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return false;
  policy_.remove(found->second);
  count(found->second, false);
  shard.entries.erase(found);
  return true;
}

std::optional<Index::Victim> Index::evict(std::uint64_t capacity,
                                          const std::function<bool(const Digest&)>& may_leave) {
  const std::lock_guard changing(change_mutex_);
  const auto* const leaving =
      static_cast<const Entry*>(policy_.evict(capacity, [&may_leave](const Resident& resident) {
        return may_leave(*static_cast<const Entry&>(resident).digest);
      }));
  if (leaving == nullptr) return std::nullopt;
  const Victim victim{*leaving->digest, leaving->size, leaving->is_inline};
  Shard& shard = shard_of(victim.digest);
  const std::unique_lock lock(shard.mutex);
  count(*leaving, false);
  shard.entries.erase(victim.digest);
  return victim;
}

void Index::count(const Entry& entry, bool added) {
  const auto change = [added](std::atomic<std::uint64_t>& sum, std::uint64_t by) {
    added ? sum.fetch_add(by, std::memory_order_relaxed)
          : sum.fetch_sub(by, std::memory_order_relaxed);
  };
  change(count_, 1);
  change(bytes_, entry.size);
  if (!entry.is_inline) change(file_bytes_, on_disk(entry.size));
}

}  // namespace entrepot::cache
