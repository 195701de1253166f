// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "cache/answer.h"
#include "cache/blob_files.h"
#include "cache/bounded_map.h"
#include "cache/clock.h"
#include "cache/digest_set.h"
#include "cache/disk.h"
#include "cache/executor.h"
#include "cache/freshness.h"
#include "cache/index.h"
#include "cache/options.h"
#include "cache/origins.h"
#include "cache/partials.h"
#include "cache/pins.h"
#include "cache/ranged_uses.h"
#include "cache/records.h"
#include "cache/requests.h"
#include "cache/rocks_index.h"
#include "cache/space.h"
#include "cache/strand.h"
#include "cache/widening.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

using ContentPtr = std::shared_ptr<const Content>;

/// A tag record with what is derived from it once instead of at every hit.
struct TagState {
  TagRecord record;
  std::chrono::milliseconds fresh_for;
};

/// A link as memory has it. What a manifest names is linked in memory only, until somebody asks for
/// it there: manifests name more than anybody asks for, and are asked for in many repositories.
struct KnownLink {
  LinkRecord record;
  bool on_disk = false;
};

/// What serve loops and homes share: the store in memory and on disk. Every member is thread-safe;
/// the methods here never block, but for those that say so.
struct Shared final : Doubts {
  Shared(Options options, const Clock& clock, const metrics::Metrics& metrics, Poster& store);

  /// As the process was started; what reconfigure() can change is below.
  const Options options;
  std::atomic<std::uint64_t> max_size;
  std::atomic<std::uint64_t> reserve_free;
  std::atomic<std::uint64_t> scrub_rate;
  const Clock& clock;
  const metrics::Metrics& metrics;
  Poster& store;
  const Origins origins;
  Pins pins;  // before index_writes: jobs that never ran may hold notes of it
  /// On `store`: the index's tags, links and manifests, of which the last written must win.
  Strand index_writes;
  BlobFiles files;  // before rocks: it takes the directory's lock
  const Disk disk;
  RocksIndex rocks;
  Index blobs;
  /// Of the manifests in `rocks`.
  Index manifests;
  /// Blobs whose files are being given their names and are not in the index yet: who finds such a
  /// file leaves it alone.
  DigestSet keeping;
  Partials partials;
  Space space;
  RangedUses ranged_uses;

  // Caches in front of `rocks`.
  BoundedMap<Digest, Digest, ContentPtr> small_blobs;
  BoundedMap<Digest, Digest, ContentPtr> recent_manifests;
  BoundedMap<std::string, std::string_view, KnownLink> links;
  BoundedMap<std::string, std::string_view, std::shared_ptr<const TagState>> tags;

  /// `blobs` and `manifests` hold all that `rocks` does. Until then absence must be asked of
  /// `rocks`, and nothing is evicted.
  std::atomic<bool> loaded{false};
  /// The last try to load them did not get all.
  std::atomic<bool> load_failed{false};
  /// What the files took when the last process ended; for as long as nothing better is known.
  std::uint64_t bytes_before = 0;
  /// And what came since then.
  std::atomic<std::uint64_t> bytes_since{0};
  ExtraTransfers extra_transfers{options.extra_transfers};
  /// Blobs that have arrived with another digest than they were asked by. The next time each comes
  /// over one transfer, from one endpoint unless that breaks, so that it is clear who is to blame.
  DigestSet doubted{1000};
  /// Blobs stored since then are doubtful, because a process ended badly; nothing is by default.
  WallTime doubtful_since = WallTime::max();
  /// The process is about to end: long work in the background stops.
  std::atomic<bool> stopping{false};
  /// Set once by Cache before any request.
  ObjectRouter* router = nullptr;

  /// The object, where it can be had without reading the disk; opens a blob's file. Null otherwise,
  /// and for a doubtful blob.
  ContentPtr stored(Resource resource, const Digest& digest);
  /// Whether stored bytes may be served in a repository that is linked to them: its upstream, or
  /// one whose bytes are everybody's, has given them. Else it has to give them first.
  bool open_to(RepositoryRef repository, const Content& content) const;
  /// The manifest is stored and may be served in a repository that is linked to it.
  bool has_manifest_for(RepositoryRef repository, const Digest& digest);
  /// Who has given it, once `upstream` has.
  Origins::Set given_by(std::string_view upstream, Resource resource, const Digest& digest) const;
  /// A file for arriving bytes of `upstream` was made: known after a restart too.
  void note_fill(const Digest& digest, const std::string& upstream);
  /// There is no such file any more.
  void forget_fill(const Digest& digest);
  /// Forgets it and removes it.
  void discard_fill(const Digest& digest);
  /// May block: who has given what an earlier process left.
  Origins::Set left_by(const Digest& digest) const;
  /// May block: the record of a blob or a manifest that `upstream` has given now.
  BlobRecord new_record(const Digest& digest, std::uint64_t size, bool is_inline,
                        std::string_view upstream) const;
  /// A request was answered with it from the store.
  void used(Resource resource, const Digest& digest) const;
  struct Loaded {
    ContentPtr content;
    bool doubtful = false;  ///< to be compared with its digest before it is served
  };
  /// May block: the object from RocksDB (a small blob, a manifest) or its file.
  Loaded load(Resource resource, const Digest& digest);
  /// What is in the index on disk, as the one in memory holds it.
  Index::Stored as_stored(const BlobRecord& record) const;
  /// The stored blob cannot be served: it goes, and is a miss from now on. `unreadable`: its file
  /// is put aside, so that what is wrong with the disk does not come back under another name.
  /// Returns false where it has gone already.
  bool drop_blob(const Digest& digest, bool unreadable);
  /// A doubtful blob was hashed: it is trusted, or it goes. nullopt: it could not be read.
  /// `file`: what was read; where another one has its name by now, nothing was settled.
  void settle_doubt(const Digest& digest, const std::optional<Digest>& actual,
                    const BlobFile* file);
  /// The file of a stored blob could not be read: it is looked at before it is served again.
  void doubt(const Digest& digest) override;

  /// Known in memory to hold it, with a proof that still counts.
  std::optional<KnownLink> linked(RepositoryRef repository, const Digest& digest) const;
  /// May block: that a stored manifest names it which the repository is linked to on disk. A look
  /// of bounded length, so it may miss one.
  std::optional<LinkRecord> link_by_manifest(RepositoryRef repository, const Digest& digest);
  /// A link was used: it is on disk soon where it was not.
  void keep_link(RepositoryRef repository, const Digest& digest, const KnownLink& link);
  bool counts(RepositoryRef repository, const LinkRecord& link) const;
  /// Notes a link in memory now and on disk soon.
  void link(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof);
  /// In memory, for what a manifest names that is visible in the repository, and for what the
  /// manifests it names do where they are in memory; the first max_linked_at_once of them.
  void link_references(RepositoryRef repository, const Content& manifest);
  /// May block: what a stored manifest names, and what the stored ones it names do.
  std::unordered_set<Digest> named_by(const Digest& manifest);
  void unlink(RepositoryRef repository, const Digest& digest);

  std::shared_ptr<const TagFreshness> freshness(std::string_view upstream) const;
  /// Sizes, rates, pins, and how long tags are believed; the rest of `changed` is not looked at.
  /// Any thread; pins count when the links have been gone through, in the background.
  void reconfigure(const Options& changed);
  std::shared_ptr<const TagState> tag_state(RepositoryRef repository, std::string_view tag,
                                            TagRecord record) const;
  void remember(const ContentPtr& content, Resource resource);
  /// Whether the bytes of an object of this size are kept in the index instead of in a file.
  bool in_index(Resource resource, std::uint64_t size) const;
  /// Room for an object that is whole in memory; null, which is counted, where there is none. Store
  /// pool.
  std::unique_ptr<Space::Reservation> reserve_for(Resource resource, std::uint64_t size);
  /// Store pool, in `index_writes`: into both indexes. `upstream` has given it. A large manifest is
  /// stored as the blob of its digest, which stays for as long as the manifest does.
  bool keep_manifest(const Content& manifest, std::string_view upstream);
  /// It leaves, and what it has in a file.
  void drop_manifest(const Digest& digest);
  /// Store pool: looks at the disk.
  void update_gauges();
  /// Tells the indexes what time it is.
  void tell_time();

 private:
  std::unordered_set<Digest> visible_through(const Content& manifest) const;

  ContentPtr stored_blob(const Digest& digest);
  ContentPtr load_manifest(const Digest& digest);
  /// The bytes of a manifest, where they are there and right.
  std::optional<std::string> manifest_bytes(const Digest& digest, std::uint64_t size);
  ContentPtr file_content(const Digest& digest, std::uint64_t size,
                          std::shared_ptr<const BlobFile> file, Origins::Set given_by);
  /// Where files cannot be read one after the other, none is written for a while.
  void count_doubt();

  void set_freshness(const Options& from);

  mutable std::shared_mutex freshness_mutex_;
  // Guarded by freshness_mutex_.
  std::map<std::string, std::shared_ptr<const TagFreshness>, std::less<>> freshness_;
  std::mutex doubts_mutex_;
  // Guarded by doubts_mutex_.
  SteadyTime doubts_from_{};
  int doubts_ = 0;
};

}  // namespace entrepot::cache
