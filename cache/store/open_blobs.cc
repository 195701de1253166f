// SPDX-License-Identifier: Apache-2.0
#include "cache/store/open_blobs.h"

#include <algorithm>
#include <utility>

#include "metrics/mutex.h"

namespace entrepot::cache {

std::shared_ptr<const BlobFile> OpenBlobs::find(const Digest& digest) const {
  const Shard& shard = shards_[shard_of(digest)];
  const MutexLock lock(shard.mutex);
  const auto found = shard.files.find(digest);
  return found == shard.files.end() ? nullptr : found->second.lock();
}

std::shared_ptr<const BlobFile> OpenBlobs::add(const Digest& digest,
                                               std::shared_ptr<const BlobFile> file) {
  Shard& shard = shards_[shard_of(digest)];
  const MutexLock lock(shard.mutex);
  auto& place = shard.files[digest];
  if (auto other = place.lock()) return other;
  place = file;
  if (shard.files.size() >= shard.sweep_at) {
    std::erase_if(shard.files, [](const auto& entry) { return entry.second.expired(); });
    shard.sweep_at = std::max<std::size_t>(64, shard.files.size() * 2);
  }
  return file;
}

void OpenBlobs::replace(const Digest& digest, const std::shared_ptr<const BlobFile>& file) {
  Shard& shard = shards_[shard_of(digest)];
  const MutexLock lock(shard.mutex);
  shard.files[digest] = file;
}

void OpenBlobs::forget(const Digest& digest) {
  Shard& shard = shards_[shard_of(digest)];
  const MutexLock lock(shard.mutex);
  shard.files.erase(digest);
}

}  // namespace entrepot::cache
