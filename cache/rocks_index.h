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

#include "cache/answer.h"
#include "cache/records.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The index on disk: RocksDB behind typed records. Every call may block on the disk, so all of
/// them belong on the store pool (or before the loops start). Thread-safe.
///
/// Writes that fail for want of room are tried again (recover()). Any other failed write makes
/// healthy() false for good: after an I/O error on its log RocksDB refuses every later write, and
/// closing it then aborts, so the destructor leaves it open in that case. A write that reported
/// failure may still be there after a restart; all writes are idempotent.
class RocksIndex {
 public:
  /// Opens or creates it, with buffers and logs that suit a cache of `max_size` bytes. Throws
  /// OpenError (options.h).
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

  // Blob, manifest and link records may be lost by a power cut (files and the upstream are the
  // truth); all survive the death of the process.
  /// `bytes` counts for inline records only.
  bool put_blob(const Digest& digest, const BlobRecord& record, std::string_view bytes = {});
  bool erase_blob(const Digest& digest);
  /// Without `bytes` they lie elsewhere.
  bool put_manifest(const Digest& digest, const ManifestRecord& record, std::string_view bytes);
  bool erase_manifest(const Digest& digest);
  bool put_links(const std::vector<std::string>& keys, const LinkRecord& record);
  bool erase_link(std::string_view key);
  /// Where the tag named another digest before, on disk when it returns: a tag must never be found
  /// older than it was shown.
  bool put_tag(std::string_view key, const TagRecord& record);
  /// On disk when it returns. Writes nothing where there is none, as erase_link().
  bool erase_tag(std::string_view key);

  /// What nothing needs any more: keys that are there, and need not be gone for good when it
  /// returns.
  bool erase_all(const std::vector<std::string>& tags, const std::vector<std::string>& links);

  // Every record whose value decodes, in key order, from the first one behind `after`, until
  // `visit` returns false. They return false when the disk did not give all.
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

  /// A line of the cache's own, of which there are a few:
  ///   "running"   since the start of a process that has not ended in order: when it last lived, ms
  ///   "doubtful"  blobs stored since then have not been looked at since an unclean end, ms
  ///   "bytes"     what the files of blobs take, not much older than the truth
  ///   "pins"      patterns pinned by command, one a line
  ///   "scrubbed"  the blob that the scrub has looked at last
  ///   "fill …"    behind it a digest: the upstream that gives what arrives; see Origins
  ///   "room"      nothing: written to see whether there is room
  std::optional<std::string> note(std::string_view name) const;
  bool put_note(std::string_view name, std::string_view value, bool synced = false);
  bool erase_note(std::string_view name);

  /// Gives back the room of small blobs and manifests that were erased, but for `spared` bytes that
  /// lie among what is still needed. Seconds, where much is stored; `stop` ends it. Returns how
  /// many bytes of theirs are left; nullopt where it failed or was stopped.
  std::optional<std::uint64_t> compact(std::uint64_t spared, std::atomic<bool>& stop);
  /// What everything but the bytes of objects takes in sorted files.
  std::uint64_t table_bytes() const;

  /// Counts what was there before; before the first put_tag or erase_tag.
  void count_tags();
  /// About what links take, on disk and in what is not sorted yet.
  std::uint64_t links_bytes() const;
  /// What it takes of memory, but for its fixed parts. Takes RocksDB's mutex.
  std::uint64_t memory_bytes() const;
  std::int64_t tag_count() const { return tag_count_.load(std::memory_order_relaxed); }

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  /// False while writes are refused, for want of room too.
  bool takes_writes() const { return healthy() && !full_.load(std::memory_order_relaxed); }
  /// After writes failed for want of room: tries whether there is room again. False: not yet.
  bool recover();
  /// The room that opening it again needs.
  std::uint64_t room_to_open() const { return room_to_open_; }
  /// It does not recover, although there is room: as after any other failed write.
  void give_up();

 private:
  class Impl;
  template <typename Status>
  bool written(const Status& status);

  std::unique_ptr<Impl> impl_;
  const std::uint64_t room_to_open_;
  metrics::Counter index_errors_;
  std::atomic<bool> healthy_{true};
  std::atomic<bool> full_{false};
  std::atomic<std::int64_t> tag_count_{0};
};

}  // namespace entrepot::cache
