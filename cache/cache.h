// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/answer.h"
#include "cache/asker.h"
#include "cache/digest.h"
#include "cache/inspection.h"
#include "cache/options.h"
#include "cache/requests.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

class Clock;
class Source;
struct Home;
struct Shared;

/// The cache: what is stored, and the flights that bring what is not.
///
/// Two ways in. `find_*` answers from memory at once or says that it cannot; it never blocks and is
/// what a hit costs. `fetch_*` moves the question to the key's home loop, where it is answered from
/// disk, by joining a flight, or by starting one, and posts the answer back. A caller asks `find_*`
/// first and `fetch_*` on nullopt; nothing is missed in between, because the home looks again.
///
/// A body in an answer may still be growing (Content::progress): read what is readable.
/// Dropping the content does not stop the fill.
class Cache : private ObjectRouter {
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
      Options options, const Clock& clock, const metrics::Metrics& metrics, Poster& store,
      const std::vector<HomeParts>& homes, Job restart_wanted = [] {});
  /// Call after every loop and the pool have ended. What unfinished fills left on disk is gone
  /// on with.
  ~Cache() override;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // From memory. Any thread; never blocks. nullopt: only fetch_* can tell.
  /// `ranged`: for a part of it, which is not a use of its own each time (ranged_uses.h).
  std::optional<Answer> find_blob(RepositoryRef repository, const Digest& digest,
                                  bool ranged = false) const;
  std::optional<Answer> find_manifest(RepositoryRef repository, const Digest& digest) const;
  /// Also nullopt for a tag that is due.
  std::optional<Answer> find_tag(RepositoryRef repository, std::string_view tag) const;

  // From disk or upstream. Any thread; `done` is posted to `asker` exactly once.
  /// `head`: the caller wants no body, so an absent object is asked for with HEAD and not filled.
  /// `wanted`: what it wants of one; where those are pieces, only they are brought.
  void fetch_blob(Repository repository, const Digest& digest, bool head, Asker asker,
                  AnswerCallback done, Wanted wanted = {});
  void fetch_manifest(Repository repository, const Digest& digest, bool head, Asker asker,
                      AnswerCallback done);
  /// `revalidate`: the client asked for a check with the upstream (Cache-Control: no-cache).
  void fetch_tag(Repository repository, std::string tag, bool head, bool revalidate, Asker asker,
                 AnswerCallback done);
  void fetch_tags(Repository repository, Asker asker, ListingCallback done);
  void fetch_referrers(Repository repository, const Digest& subject, Asker asker,
                       ListingCallback done);

  /// Takes over what can change while the process runs: max_size, reserve_free, scrub_rate, pins,
  /// and how long tags are believed. Any thread.
  void reconfigure(const Options& changed);

  /// Ends every flight: waiters get `unavailable`, growing bodies fail. For shutdown, once serve
  /// loops have drained; posted to the homes, `done` is posted to `reply_on` when all have ended.
  void stop(Executor& reply_on, const Job& done);

  /// Ends long work in the background (looking for lost files, making room). Before the store pool
  /// is stopped; any thread.
  void end_background();

  /// For people who look at it and change it by hand. Its calls block: store pool.
  Inspection& inspection() { return *inspection_; }

  /// True while the index takes writes and the directory is usable: part of readiness.
  bool healthy() const;

 private:
  Home& home_of(std::size_t hash) const;
  std::optional<Answer> find_object(Resource resource, RepositoryRef repository,
                                    const Digest& digest, bool ranged) const;
  void route(ObjectRequest request) override;
  void list(ListingRequest request);

  std::unique_ptr<Shared> shared_;
  struct Background;
  std::unique_ptr<Background> background_;
  std::unique_ptr<Inspection> inspection_;
  std::vector<std::unique_ptr<Home>> homes_;
};

}  // namespace entrepot::cache
