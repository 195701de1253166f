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

#include "cache/base/repository.h"
#include "cache/index/records.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The index on disk: RocksDB behind typed records. Every call may block on the disk, so all calls
/// belong on the store pool (or before the loops start). Thread-safe.
///
/// Writes that fail because the disk is full are retried (recover()). Any other failed write makes
/// healthy() false permanently: after an I/O error on its log RocksDB refuses every later write,
/// and closing it aborts, so the destructor leaves it open in that case. A write that reported
/// failure may still take effect after a restart; all writes are idempotent.
class RocksIndex {
 public:
  /// Opens or creates the index, with buffers and logs suitable for a cache of `max_size` bytes.
  /// Throws OpenError (open_error.h).
  RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
             const metrics::Metrics& metrics);
  ~RocksIndex();

  std::optional<BlobRecord> blob(const Digest& digest) const;
  std::optional<std::string> blob_bytes(const Digest& digest) const;
  std::optional<ManifestRecord> manifest(const Digest& digest) const;
  std::optional<std::string> manifest_bytes(const Digest& digest) const;
  /// Keys are built by layout.h.
  std::optional<TagRecord> tag(std::string_view key) const;
  std::optional<LinkRecord> link(std::string_view key) const;

  // A power cut may lose blob, manifest and link records (they can be restored from files and from
  // the upstream). All records survive the death of the process.
  /// `bytes` is used for inline records only.
  bool put_blob(const Digest& digest, const BlobRecord& record, std::string_view bytes = {});
  bool erase_blob(const Digest& digest);
  /// Empty `bytes`: they are stored in a file.
  bool put_manifest(const Digest& digest, const ManifestRecord& record, std::string_view bytes);
  bool erase_manifest(const Digest& digest);
  bool put_links(const std::vector<std::string>& keys, const LinkRecord& record);
  bool erase_link(std::string_view key);
  /// If the digest of the tag changes, the record is synced before the call returns: after a
  /// restart a tag must never be older than it was shown.
  bool put_tag(std::string_view key, const TagRecord& record);
  /// Synced before it returns. Writes nothing if the record does not exist; the same holds for
  /// erase_link().
  bool erase_tag(std::string_view key);

  /// Erases obsolete records. REQUIRES: the keys exist. Not synced: the records may reappear after
  /// a power cut.
  bool erase_all(const std::vector<std::string>& tags, const std::vector<std::string>& links);

  // Iterate over all records that decode, in key order, from the first one after `after`, until
  // `visit` returns false. Return false if the disk failed.
  bool for_each_blob(const std::optional<Digest>& after,
                     const std::function<bool(const Digest&, const BlobRecord&)>& visit) const;
  bool for_each_manifest(
      const std::optional<Digest>& after,
      const std::function<bool(const Digest&, const ManifestRecord&)>& visit) const;
  bool for_each_tag(const std::function<bool(std::string_view key, const TagRecord&)>& visit) const;
  bool for_each_link(
      const std::function<bool(std::string_view key, const LinkRecord&)>& visit) const;
  bool for_each_link_of(RepositoryRef repository,
                        const std::function<bool(const Digest&, const LinkRecord&)>& visit) const;

  /// A named value of the cache. Names:
  ///   "running"   exists until a clean shutdown: time of the last sign of life, ms
  ///   "doubtful"  after an unclean shutdown: blobs stored since this time are unverified, ms
  ///   "bytes"     total size of blob files, updated every minute
  ///   "pins"      patterns pinned by command, one per line
  ///   "scrubbed"  the blob that the scrub verified last
  ///   "fill …"    followed by a digest: the upstream of an unfinished file; see Origins
  ///   "room"      empty: written to test whether the disk has space
  std::optional<std::string> note(std::string_view name) const;
  bool put_note(std::string_view name, std::string_view value, bool synced = false);
  bool erase_note(std::string_view name);

  /// Reclaims the space of erased small blobs and manifests, except for `spared` bytes in files
  /// that also contain live ones. Takes seconds for a large cache; `stop` cancels it. Returns the
  /// number of erased bytes left; nullopt if it failed or was cancelled.
  std::optional<std::uint64_t> compact(std::uint64_t spared, std::atomic<bool>& stop);
  /// Size of everything except the bytes of objects in sorted files. Bytes.
  std::uint64_t table_bytes() const;

  /// Counts the tags stored before. Call it before the first put_tag or erase_tag.
  void count_tags();
  /// Approximate size of the links, on disk and in write buffers. Bytes.
  std::uint64_t links_bytes() const;
  /// Memory size without fixed parts. Bytes. Takes RocksDB's mutex.
  std::uint64_t memory_bytes() const;
  std::int64_t tag_count() const { return tag_count_.load(std::memory_order_relaxed); }

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  /// False while writes are refused, including those refused because the disk is full.
  bool accepts_writes() const { return healthy() && !full_.load(std::memory_order_relaxed); }
  /// After writes failed because the disk was full: tests whether it has space again. Returns false
  /// if not.
  bool recover();
  /// Disk space needed to open the index again. Bytes.
  std::uint64_t space_to_open() const { return space_to_open_; }
  /// Reports that the index does not recover although the disk has space. The effect is that of any
  /// other failed write.
  void fail_permanently();

 private:
  class Impl;
  template <typename Status>
  bool written(const Status& status);

  std::unique_ptr<Impl> impl_;
  const std::uint64_t space_to_open_;
  metrics::Counter index_errors_;
  std::atomic<bool> healthy_{true};
  std::atomic<bool> full_{false};
  std::atomic<std::int64_t> tag_count_{0};
};

}  // namespace entrepot::cache
