// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "cache/api/answer.h"
#include "cache/base/bounded_map.h"
#include "cache/base/digest.h"
#include "cache/base/origins.h"
#include "cache/content/content.h"
#include "cache/index/records.h"
#include "cache/store/blob_store.h"
#include "cache/store/environment.h"
#include "cache/store/pins.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// A link in memory. Links from a manifest to the objects it names stay in memory only until one of
/// these objects is requested: most never are, and many repositories name the same objects.
struct KnownLink {
  LinkRecord record;
  bool on_disk = false;
};

/// Links record which repository contains which object. A stored object is served in a repository
/// only if a link shows that the upstream has it in that repository. Links of restricted upstreams
/// are valid for fresh_for only, because access may be withdrawn. Keeps the 100,000 most recently
/// used links in memory, in front of RocksDB. Thread-safe. Methods never block unless documented.
class LinkTable {
 public:
  /// All arguments must outlive this object.
  LinkTable(const Environment& environment, const Origins& origins, BlobStore& store, Pins& pins);
  /// Takes over which upstreams there are, which of them are restricted, and their fresh_for. The
  /// next request is answered by them.
  void set_upstreams(const Options& options);

  /// The link in memory, if its proof is still valid.
  std::optional<KnownLink> find(RepositoryRef repository, const Digest& digest) const;
  /// Adds a record of RocksDB to the links in memory. A newer one in memory stays.
  void add_known(RepositoryRef repository, const Digest& digest, const LinkRecord& record,
                 bool on_disk);
  /// Records a new proof, in memory immediately and in RocksDB in the background.
  void add(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof);
  /// Writes a used link to RocksDB if it is not stored there.
  void persist(RepositoryRef repository, const Digest& digest, const KnownLink& link);
  /// Links the objects that a manifest of the repository names, and those named by its child
  /// manifests in memory; at most 2,000. In memory only.
  void add_references(RepositoryRef repository, const Content& manifest);
  /// Removes the link from memory immediately and from RocksDB in the background.
  void remove(RepositoryRef repository, const Digest& digest);
  /// Removes the link from memory, by link_key() (layout.h).
  void erase_known(const std::string& key) { links_.erase(key); }

  /// Searches the stored manifests of the repository for one that names `digest` and returns its
  /// proof. Reads a bounded number of manifests, so it may miss one. May block.
  std::optional<LinkRecord> find_by_manifest(RepositoryRef repository, const Digest& digest);
  /// The digests named by a stored manifest and by its stored child manifests. May block.
  std::unordered_set<Digest> named_by(const Digest& manifest);

  /// True if stored bytes may be served in a repository that is linked to them: its own upstream or
  /// an unrestricted one has delivered them. Otherwise its upstream has to deliver them first.
  bool open_to(RepositoryRef repository, const Content& content) const;
  /// True if the manifest is stored and may be served in the repository.
  bool has_manifest_for(RepositoryRef repository, const Digest& digest) const;

 private:
  /// For how long a proof is valid; nullopt: for ever.
  using Lifetime = std::optional<std::chrono::milliseconds>;

  bool is_valid(RepositoryRef repository, const LinkRecord& link) const;
  std::unordered_set<Digest> visible_through(const Content& manifest) const;

  const Environment& environment_;
  const Origins& origins_;
  BlobStore& store_;
  Pins& pins_;
  mutable SharedMutex mutex_;
  std::map<std::string, Lifetime, std::less<>> lifetimes_ GUARDED_BY(mutex_);
  BoundedMap<std::string, std::string_view, KnownLink> links_;
};

}  // namespace entrepot::cache
