// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace entrepot::cache {

class RocksStore;

/// Sizes of the index on disk and in memory, and the compaction that reduces them. All calls but
/// tags() and space_to_open() may block: store pool, or before the loops start. Thread-safe.
class IndexUsage {
 public:
  explicit IndexUsage(RocksStore& store) : store_(store) {}

  /// Reclaims the space of erased small blobs and manifests, except for `spared` bytes in files
  /// that also contain live ones. Takes seconds for a large cache; `stop` cancels it. Returns the
  /// number of erased bytes left; nullopt if it failed or was cancelled.
  std::optional<std::uint64_t> compact(std::uint64_t spared, std::atomic<bool>& stop);
  /// Size of everything except the bytes of objects in sorted files. Bytes.
  std::uint64_t table_bytes() const;
  /// Approximate size of the links, on disk and in write buffers. Bytes.
  std::uint64_t links_bytes() const;
  /// Memory size without fixed parts. Bytes. Takes RocksDB's mutex.
  std::uint64_t memory_bytes() const;
  /// Disk space needed to open the index again. Bytes.
  std::uint64_t space_to_open() const;

  /// Counts the tags stored before. Call it before the first put_tag or erase_tag.
  void count_tags();
  std::int64_t tags() const;

 private:
  RocksStore& store_;
};

}  // namespace entrepot::cache
