// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/api/object_cache.h"
#include "cache/api/options.h"
#include "cache/api/requests.h"
#include "cache/base/digest.h"
#include "cache/upkeep/cache_admin.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

class Clock;
class Source;

/// The cache: finds stored objects in memory, and fetches others from disk or upstream.
///
/// find_* and fetch_* are described in object_cache.h.
///
/// A body in an answer may still be growing (Content::progress): read what is readable.
/// Dropping the content does not stop the fill.
class Cache final : public ObjectCache, public ObjectRouter {
 public:
  /// One home of keys in flight: the loop it lives on and the upstream client of that loop. The
  /// executor and source outlive the cache.
  struct HomeParts {
    Executor* executor;
    Source* source;
  };

  /// Opens the directory (creating it) and takes its lock.
  /// Throws OpenError with one line naming the path and what to do: not writable, not a directory,
  /// of another format version, or locked by another process.
  /// `store` runs blocking work; it must have stopped before the cache is destroyed.
  /// `restart_wanted` is called once, on the store pool, when only another process can go on: after
  /// a failed write the index takes no more, and the disk works again; or the index was removed.
  Cache(
      Options options, const Clock& clock, const metrics::Metrics& metrics, JobQueue& store,
      const std::vector<HomeParts>& homes, Job restart_wanted = [] {});
  /// Call after every loop and the pool have ended. The next process resumes the fills that are
  /// unfinished.
  ~Cache() override;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  std::optional<Answer> find_blob(RepositoryRef repository, const Digest& digest,
                                  BlobUse use = {}) const override;
  std::optional<Answer> find_manifest(RepositoryRef repository,
                                      const Digest& digest) const override;
  std::optional<Answer> find_tag(RepositoryRef repository, std::string_view tag) const override;
  void fetch_blob(Repository repository, const Digest& digest, bool head, Requester requester,
                  AnswerCallback done, RequestedRanges ranges = {}) override;
  void fetch_manifest(Repository repository, const Digest& digest, bool head, Requester requester,
                      AnswerCallback done) override;
  void fetch_tag(Repository repository, std::string tag, bool head, bool revalidate,
                 Requester requester, AnswerCallback done) override;
  void fetch_tags(Repository repository, Requester requester, ListingCallback done) override;
  void fetch_referrers(Repository repository, const Digest& subject, Requester requester,
                       ListingCallback done) override;
  void delivered(const Digest& digest, const Delivery& delivery) override;

  /// For the homes: passes a request to the home of its digest or tag. Any thread.
  void route(ObjectRequest request) override;
  void route(TagRequest request) override;

  /// Takes over what can change while the process runs: max_size, reserve_free, scrub_rate, pins,
  /// max_blob, transfers_per_blob, and the upstreams, with their access and how long their tags are
  /// believed. The content of an upstream that goes stays, and is there when it comes back. Any
  /// thread.
  void reconfigure(const Options& changed);

  /// Lets another process open the directory: nothing in it changes from now on. Stored objects are
  /// served as they are at this moment, and others pass through. Transfers in progress go on for
  /// their readers, and are not stored. `done` is posted to `reply_on` at the end, with false if
  /// the index has failed: nothing is given up then, and only another process stores again. Once;
  /// any thread.
  void give_up(Executor& reply_on, const std::function<void(bool given_up)>& done);

  /// Ends every flight: waiters get `unavailable`, growing bodies fail. For shutdown, once serve
  /// loops have drained; posted to the homes, `done` is posted to `reply_on` when all have ended.
  void stop(Executor& reply_on, const Job& done);

  /// Ends long work in the background (looking for lost files, making room). Before the store pool
  /// is stopped; any thread.
  void end_background();

  /// For operators. Its calls block: store pool.
  CacheAdmin& admin() { return *admin_; }

  /// True while the index takes writes and the directory is usable: part of readiness.
  bool healthy() const;

 private:
  struct Home;

  Home& home_of(std::size_t hash) const;
  /// Posts `act` to each home; the last one then calls `after`.
  void on_homes(const std::function<void(Home&)>& act, const Job& after);
  std::optional<Answer> find_object(Resource resource, RepositoryRef repository,
                                    const Digest& digest, BlobUse use) const;
  void list(ListingRequest request);

  struct Parts;
  struct Background;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<CacheAdmin> admin_;
  std::unique_ptr<Background> background_;
  std::vector<std::unique_ptr<Home>> homes_;
};

}  // namespace entrepot::cache
