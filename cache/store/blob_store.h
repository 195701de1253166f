// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/api/requests.h"
#include "cache/base/bounded_map.h"
#include "cache/base/digest_set.h"
#include "cache/base/origins.h"
#include "cache/content/content.h"
#include "cache/index/index.h"
#include "cache/index/records.h"
#include "cache/store/blob_files.h"
#include "cache/store/disk_health.h"
#include "cache/store/environment.h"
#include "cache/store/partial_blobs.h"

namespace entrepot::cache {

/// All stored blobs and manifests: their indexes in memory, recently used bytes, records in RocksDB
/// and files. Thread-safe. Methods never block unless documented.
class BlobStore final : public ReadErrorListener {
 public:
  /// All arguments must outlive this object.
  BlobStore(const Environment& environment, const Origins& origins, const BlobFiles& files,
            DiskHealth& health);

  Index& index(Resource resource) { return resource == Resource::blob ? blobs_ : manifests_; }
  Index& blobs() { return blobs_; }
  Index& manifests() { return manifests_; }
  /// Files that contain only a part of their blob.
  PartialBlobs& partials() { return partials_; }
  /// Digests of blobs whose files are being renamed to their final names and are not in the index
  /// yet. Code that compares files with the index skips them.
  DigestSet& being_stored() { return being_stored_; }

  /// Returns the object if no disk read is needed; opens the file of a blob. Returns null
  /// otherwise, and for a doubtful blob.
  ContentPtr find(Resource resource, const Digest& digest);
  struct Loaded {
    ContentPtr content;     ///< null: not stored
    bool doubtful = false;  ///< its digest must be verified before it is served
  };
  /// Loads an object from RocksDB (a small blob, a manifest) or opens its file. May block.
  Loaded load(Resource resource, const Digest& digest);
  /// Loads a stored manifest. May block.
  ContentPtr load_manifest(const Digest& digest);
  /// Keeps the bytes of a small object in memory for the next find().
  void remember(const ContentPtr& content, Resource resource);

  /// Sets the time that uses are recorded with. Called periodically, and before objects are stored.
  void set_time(WallTime now) {
    blobs_.set_time(now);
    manifests_.set_time(now);
  }

  /// True if objects of this size are stored in RocksDB instead of in a file.
  bool in_index(Resource resource, std::uint64_t size) const;
  /// The upstreams that have delivered the object, including `upstream`.
  Origins::Set origins_with(std::string_view upstream, Resource resource,
                            const Digest& digest) const;
  /// Returns the record of a blob that `upstream` has just delivered. May block.
  BlobRecord new_record(const Digest& digest, std::uint64_t size, bool is_inline,
                        std::string_view upstream) const;
  /// Converts a record to its form in the index in memory.
  Index::Stored as_stored(const BlobRecord& record) const;

  /// Adds a stored object to the index.
  void add_blob(const Digest& digest, const BlobRecord& record);
  void add_manifest(const Digest& digest, const ManifestRecord& record, bool is_inline);

  /// Removes a stored blob that cannot be served; later requests miss. With `unreadable` its file
  /// moves into quarantine, so that the bad sectors are not reused. Returns false if it was already
  /// removed.
  bool drop_blob(const Digest& digest, bool unreadable);
  /// Removes the manifest, and its file if it has one.
  void drop_manifest(const Digest& digest);
  /// Removes the bytes of an object from memory only.
  void forget_bytes(Resource resource, const Digest& digest);
  /// Resolves the doubt about a blob after hashing. Trusts the blob if `actual` equals its digest;
  /// removes it otherwise. `actual` is nullopt if the file could not be read. `file`: the file that
  /// was read, null for the stored one. Does nothing if another file has its name by now.
  void settle_doubt(const Digest& digest, const std::optional<Digest>& actual,
                    const BlobFile* file);
  /// Marks a blob whose file could not be read as doubtful.
  void doubt(const Digest& digest) override;

 private:
  ContentPtr find_blob(const Digest& digest);
  ContentPtr file_content(const Digest& digest, std::uint64_t size,
                          std::shared_ptr<const BlobFile> file, Origins::Set origins);
  /// The bytes of a manifest if they are stored and have its digest.
  std::optional<std::string> manifest_bytes(const Digest& digest, std::uint64_t size);

  const Environment& environment_;
  const Origins& origins_;
  const BlobFiles& files_;
  DiskHealth& health_;
  Index blobs_;
  Index manifests_;
  PartialBlobs partials_;
  DigestSet being_stored_;
  BoundedMap<Digest, Digest, ContentPtr> small_blobs_;
  BoundedMap<Digest, Digest, ContentPtr> recent_manifests_;
};

}  // namespace entrepot::cache
