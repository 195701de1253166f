// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "cache/base/digest.h"
#include "cache/content/content.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The stored blobs that are being read, with their open files. Concurrent readers of a blob share
/// one file. Unlinking such a file does not free its space, so evicting it is useless. Thread-safe;
/// no lock is held across a system call.
class OpenBlobs {
 public:
  /// The file of the current readers, or null.
  std::shared_ptr<const BlobFile> find(const Digest& digest) const;
  /// Registers the file. If another file of this digest is being read, keeps and returns that one.
  std::shared_ptr<const BlobFile> add(const Digest& digest, std::shared_ptr<const BlobFile> file);
  /// Registers the file, replacing any other.
  void replace(const Digest& digest, const std::shared_ptr<const BlobFile>& file);
  /// Unregisters the file. Current readers keep it; new readers do not share it.
  void forget(const Digest& digest);
  bool reads(const Digest& digest) const { return find(digest) != nullptr; }

 private:
  static constexpr std::size_t shard_count = 16;
  struct Shard {
    mutable Mutex mutex;
    /// Entries whose file is closed stay until the next sweep.
    std::unordered_map<Digest, std::weak_ptr<const BlobFile>> files GUARDED_BY(mutex);
    std::size_t sweep_at GUARDED_BY(mutex) = 64;
  };
  static std::size_t shard_of(const Digest& digest) { return digest.bytes()[9] % shard_count; }

  std::array<Shard, shard_count> shards_;
};

}  // namespace entrepot::cache
