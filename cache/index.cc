// SPDX-License-Identifier: Apache-2.0
#include "cache/index.h"

namespace entrepot::cache {

std::optional<Index::Found> Index::find(const Digest& digest) const {
  const Shard& shard = shard_of(digest);
  const std::shared_lock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return std::nullopt;
  const Entry& entry = found->second;
  // A lost update under contention is harmless: the blob is in use either way.
  const auto uses = entry.uses.load(std::memory_order_relaxed);
  if (uses < 3) entry.uses.store(static_cast<std::uint8_t>(uses + 1), std::memory_order_relaxed);
  return Found{entry.size, entry.is_inline};
}

void Index::put(const Digest& digest, std::uint64_t size, bool is_inline) {
  Shard& shard = shard_of(digest);
  const std::unique_lock lock(shard.mutex);
  const auto [place, added] = shard.entries.try_emplace(digest, size, is_inline);
  if (added) {
    count_.fetch_add(1, std::memory_order_relaxed);
  } else {
    bytes_.fetch_sub(place->second.size, std::memory_order_relaxed);
    place->second.size = size;
    place->second.is_inline = is_inline;
  }
  bytes_.fetch_add(size, std::memory_order_relaxed);
}

bool Index::erase(const Digest& digest) {
  Shard& shard = shard_of(digest);
  const std::unique_lock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return false;
  bytes_.fetch_sub(found->second.size, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_relaxed);
  shard.entries.erase(found);
  return true;
}

}  // namespace entrepot::cache
