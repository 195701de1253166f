// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/answer.h"
#include "cache/blob_files.h"
#include "cache/bounded_map.h"
#include "cache/clock.h"
#include "cache/executor.h"
#include "cache/freshness.h"
#include "cache/index.h"
#include "cache/keeping.h"
#include "cache/options.h"
#include "cache/partials.h"
#include "cache/records.h"
#include "cache/requests.h"
#include "cache/rocks_index.h"
#include "cache/space.h"
#include "cache/strand.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

using ContentPtr = std::shared_ptr<const Content>;

/// A tag record with what is derived from it once instead of at every hit.
struct TagState {
  TagRecord record;
  std::chrono::milliseconds fresh_for;
};

/// What serve loops and homes share: the store in memory and on disk. Every member is thread-safe;
/// the methods here never block, but for those that say so.
struct Shared {
  Shared(Options options, const Clock& clock, const metrics::Metrics& metrics, Poster& store);

  const Options options;
  const Clock& clock;
  const metrics::Metrics& metrics;
  Poster& store;
  /// On `store`: the index's tags, links and manifests, of which the last written must win.
  Strand index_writes;
  BlobFiles files;  // before rocks: it takes the directory's lock
  RocksIndex rocks;
  Index blobs;
  Keeping keeping;
  Partials partials;
  Space space;

  // Caches in front of `rocks`.
  BoundedMap<Digest, Digest, ContentPtr> small_blobs;
  BoundedMap<Digest, Digest, ContentPtr> manifests;
  BoundedMap<std::string, std::string_view, LinkRecord> links;
  BoundedMap<std::string, std::string_view, std::shared_ptr<const TagState>> tags;

  /// The process is about to end: long work in the background stops.
  std::atomic<bool> stopping{false};
  /// Set once by Cache before any request.
  ObjectRouter* router = nullptr;

  /// The blob, where it can be had without reading the disk; opens its file. Null otherwise.
  /// A file that is gone or has another size is dropped from the index here.
  ContentPtr stored_blob(const Digest& digest);
  ContentPtr stored(Resource resource, const Digest& digest);
  /// May block: the object from RocksDB (a small blob, a manifest) or its file.
  ContentPtr load(Resource resource, const Digest& digest);

  /// Known in memory to hold it, with a proof that still counts.
  bool linked(RepositoryRef repository, const Digest& digest) const;
  bool counts(RepositoryRef repository, const LinkRecord& link) const;
  /// Notes a link in memory now and on disk soon.
  void link(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof);
  /// The same for everything a manifest names, and for what the manifests it names do where they
  /// are in memory.
  void link_references(RepositoryRef repository, const Content& manifest);
  void unlink(RepositoryRef repository, const Digest& digest);

  const TagFreshness& freshness(std::string_view upstream) const;
  std::shared_ptr<const TagState> tag_state(RepositoryRef repository, std::string_view tag,
                                            TagRecord record) const;
  void remember(const ContentPtr& content, Resource resource);
  /// Store pool: looks at the disk.
  void update_gauges();

 private:
  void add_references(RepositoryRef repository, const Content& manifest, bool with_children,
                      std::vector<std::string>& keys);

  std::map<std::string, TagFreshness, std::less<>> freshness_;
};

}  // namespace entrepot::cache
