// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/records.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The index on disk: RocksDB behind typed records. Every call may block on the disk, so all of
/// them belong on the store pool (or before the loops start). Thread-safe.
///
/// A write that fails makes healthy() false for good: after an I/O error on its log RocksDB refuses
/// every later write, and closing it then aborts, so the destructor leaves it open in that case.
/// A write that reported failure may still be there after a restart; all writes are idempotent.
class RocksIndex {
 public:
  /// Opens or creates it, with buffers and logs that suit a cache of `max_size` bytes. Throws
  /// OpenError (options.h).
  RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
             const metrics::Metrics& metrics);
  ~RocksIndex();

  std::optional<BlobRecord> blob(const Digest& digest) const;
  std::optional<ManifestRecord> manifest(const Digest& digest) const;
  /// Keys are built by layout.h.
  std::optional<TagRecord> tag(std::string_view key) const;
  std::optional<LinkRecord> link(std::string_view key) const;

  // Blob, manifest and link records may be lost by a power cut (files and the upstream are the
  // truth); all survive the death of the process.
  bool put_blob(const Digest& digest, const BlobRecord& record);
  bool erase_blob(const Digest& digest);
  bool put_manifest(const Digest& digest, const ManifestRecord& record);
  bool put_links(const std::vector<std::string>& keys, const LinkRecord& record);
  bool erase_link(std::string_view key);
  /// On disk when it returns: a tag must never be found older than it was shown.
  bool put_tag(std::string_view key, const TagRecord& record);
  bool erase_tag(std::string_view key);

  /// Calls `visit` for every blob record whose value decodes, in key order; inline bytes are left
  /// out. Stops when `visit` returns false.
  void for_each_blob(
      const std::function<bool(const Digest&, std::uint64_t size, bool is_inline)>& visit) const;
  /// Counts what was there before; until it has run, the counts below hold only what came since.
  void count_existing();
  std::int64_t manifest_count() const { return manifest_count_.load(std::memory_order_relaxed); }
  std::int64_t tag_count() const { return tag_count_.load(std::memory_order_relaxed); }

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  class Impl;
  bool written(bool ok, const std::string& status);

  std::unique_ptr<Impl> impl_;
  metrics::Counter index_errors_;
  std::atomic<bool> healthy_{true};
  std::atomic<std::int64_t> manifest_count_{0};
  std::atomic<std::int64_t> tag_count_{0};
};

}  // namespace entrepot::cache
