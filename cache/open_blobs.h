// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "cache/content.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// Which stored blobs are being read, by their open files: one file serves all who read a blob at
/// the same time, and what is read does not leave the disk when its name goes, so it is not worth
/// evicting. Thread-safe; no lock is held across a system call.
class OpenBlobs {
 public:
  /// The file through which others read the blob now, or null.
  std::shared_ptr<const BlobFile> find(const Digest& digest) const;
  /// Notes the file; another that is read already stays, and is returned.
  std::shared_ptr<const BlobFile> add(const Digest& digest, std::shared_ptr<const BlobFile> file);
  /// The same, but in place of the other.
  void replace(const Digest& digest, const std::shared_ptr<const BlobFile>& file);
  /// Whoever reads it now keeps his file, and nobody else gets it.
  void forget(const Digest& digest);
  bool reads(const Digest& digest) const { return find(digest) != nullptr; }

 private:
  static constexpr std::size_t shard_count = 16;
  struct Shard {
    mutable std::mutex mutex;
    // Guarded by mutex. Entries whose file is closed stay until the next sweep.
    std::unordered_map<Digest, std::weak_ptr<const BlobFile>> files;
    std::size_t sweep_at = 64;
  };
  static std::size_t shard_of(const Digest& digest) { return digest.bytes()[9] % shard_count; }

  std::array<Shard, shard_count> shards_;
};

}  // namespace entrepot::cache
