// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/repository.h"
#include "cache/index/index_notes.h"
#include "cache/index/index_usage.h"
#include "cache/index/records.h"
#include "cache/index/rocks_health.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The index on disk: RocksDB behind typed records. Every call may block on the disk, so all calls
/// belong on the store pool (or before the loops start). Thread-safe.
///
/// Closing RocksDB after an I/O error on its log aborts, so that it stays open after the end of
/// this if health() has failed. Writes return false if they failed.
class RocksIndex {
 public:
  /// Opens or creates the index, with buffers and logs suitable for a cache of `max_size` bytes.
  /// Throws OpenError (open_error.h).
  RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
             const metrics::Metrics& metrics);

  /// Lets another process open the index. Refuses writes from now on; reads see the records of this
  /// moment. Waits for the calls in progress. False, with nothing changed, if health() has failed.
  bool release();

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
  /// From the key `from` on.
  bool for_each_tag(const std::function<bool(std::string_view key, const TagRecord&)>& visit,
                    std::string_view from = {}) const;
  bool for_each_link(
      const std::function<bool(std::string_view key, const LinkRecord&)>& visit) const;
  bool for_each_link_of(RepositoryRef repository,
                        const std::function<bool(const Digest&, const LinkRecord&)>& visit) const;

  /// Views of the same database; this outlives them.
  IndexNotes notes() const { return IndexNotes(*store_); }
  IndexUsage usage() const { return IndexUsage(*store_); }
  RocksHealth& health() const;

 private:
  /// Shared, so that its type may be incomplete here.
  std::shared_ptr<RocksStore> store_;
};

}  // namespace entrepot::cache
