// SPDX-License-Identifier: Apache-2.0
#include "cache/cache.h"

#include <atomic>
#include <functional>
#include <utility>

#include "cache/base/digest_set.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/keeper.h"
#include "cache/flight/listing_flights.h"
#include "cache/flight/object_flights.h"
#include "cache/flight/repeated_reads.h"
#include "cache/flight/tag_context.h"
#include "cache/flight/tag_flights.h"
#include "cache/index/layout.h"
#include "cache/space/ranged_uses.h"
#include "cache/space/storage.h"
#include "cache/upkeep/maintenance.h"
#include "cache/upkeep/reconcile.h"
#include "cache/upkeep/scrub.h"
#include "cache/upkeep/startup.h"
#include "metrics/check.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Blobs with a wrong digest that are remembered (FillContext::mismatched).
constexpr std::size_t max_mismatched = 1000;

}  // namespace

/// The stored content and the objects that all flights share.
struct Cache::Parts {
  Parts(Options options, const Clock& clock, const metrics::Metrics& metrics, JobQueue& store_pool,
        ObjectRouter& router)
      : storage(std::move(options), clock, metrics, store_pool),
        extra_transfers(storage.options.extra_transfers),
        keeper(storage.environment, storage.store, storage.files, storage.budget),
        fills{storage.environment, storage.origins, storage.files,  storage.notes, storage.store,
              storage.links,       storage.budget,  storage.health, keeper,        extra_transfers,
              mismatched},
        tags{storage.environment, storage.store, storage.links, storage.tags, keeper,
             storage.budget,      router} {}

  /// True: `reader` may have found a stored blob to be wrong, which is doubtful from now on.
  bool has_to_be_verified(const Content& content, Client reader) {
    // The checksums of RocksDB have verified what is in the index or in memory.
    if (!content.file || reader == Client::nobody) return false;
    const auto now = storage.environment.clock.steady();
    if (!repeated_reads.suspicious(reader, content.digest, now)) return false;
    storage.environment.metrics.cache().repeated_reads().add();
    log::debug("cache: a client requests {} again, which it has received; it is verified first",
               content.digest.str());
    storage.store.blobs().doubt(content.digest);
    return true;
  }

  Storage storage;
  RangedUses ranged_uses;
  RepeatedReads repeated_reads;
  ExtraTransfers extra_transfers;
  DigestSet mismatched{max_mismatched};
  Keeper keeper;
  const FillContext fills;
  const TagContext tags;
};

/// All flights of the keys that live on one fetch loop. A key has one home, so its flights need no
/// lock. Made before the loop runs and destroyed after it; used on it only.
struct Cache::Home {
  Home(const Parts& parts, Executor& executor_in, Source& source)
      : executor(executor_in),
        objects(parts.fills, executor_in, source,
                TagFallback(parts.storage.tags, parts.tags.router)),
        tags(parts.tags, executor_in, source),
        listings(parts.storage.environment, executor_in, source) {}

  Executor& executor;
  ObjectFlights objects;
  TagFlights tags;
  ListingFlights listings;
};

/// Work that no request starts.
struct Cache::Background {
  Background(Storage& storage_in, Executor& home, Job restart_wanted)
      : storage(storage_in),
        scrub(storage.environment, storage.store, storage.files),
        startup(storage, scrub),
        reconciler(storage),
        maintenance(
            storage, scrub, home, [this] { load(); }, std::move(restart_wanted)) {
    startup.begin();
    // Before any other write of the index: no tag may be counted twice.
    storage.index_writes.post([this] { storage.rocks.usage().count_tags(); });
    storage.environment.store_pool.post([this] {
      storage.index_room.measure();
      load();
    });
    maintenance.start();
  }

  void load() {
    bool whole = false;
    run_or([&] { whole = startup.run(); }, [this] { storage.lifecycle.load_failed = true; });
    if (whole) reconciler.start();
  }

  Storage& storage;
  Scrub scrub;
  Startup startup;
  Reconciler reconciler;
  Maintenance maintenance;
};

Cache::Cache(Options options, const Clock& clock, const metrics::Metrics& metrics, JobQueue& store,
             const std::vector<HomeParts>& homes, Job restart_wanted)
    : parts_(std::make_unique<Parts>(std::move(options), clock, metrics, store, *this)) {
  check(!homes.empty(), "there is a fetch loop");
  parts_->storage.budget.publish_bound();
  admin_ = std::make_unique<CacheAdmin>(parts_->storage);
  background_ = std::make_unique<Background>(parts_->storage, *homes.front().executor,
                                             std::move(restart_wanted));
  for (const auto& home : homes)
    homes_.push_back(std::make_unique<Home>(*parts_, *home.executor, *home.source));
}

Cache::~Cache() { Startup::note_end(parts_->storage); }

Cache::Home& Cache::home_of(std::size_t hash) const { return *homes_[hash % homes_.size()]; }

std::optional<Answer> Cache::find_blob(RepositoryRef repository, const Digest& digest,
                                       BlobUse use) const {
  return find_object(Resource::blob, repository, digest, use);
}

std::optional<Answer> Cache::find_manifest(RepositoryRef repository, const Digest& digest) const {
  return find_object(Resource::manifest, repository, digest, {});
}

std::optional<Answer> Cache::find_object(Resource resource, RepositoryRef repository,
                                         const Digest& digest, BlobUse use) const {
  const auto link = parts_->storage.links.find(repository, digest);
  if (!link) return std::nullopt;
  auto content = parts_->storage.store.find(resource, digest);
  if (!content || !parts_->storage.links.open_to(repository, *content)) return std::nullopt;
  if (parts_->has_to_be_verified(*content, use.reader)) return std::nullopt;
  parts_->storage.links.persist(repository, digest, *link);
  if (!use.ranged || parts_->ranged_uses.counts(digest, parts_->storage.environment.clock.steady()))
    parts_->storage.store.index(resource).use(digest);
  return Answer{Outcome::hit, {}, std::move(content), {}};
}

void Cache::delivered(const Digest& digest, const Delivery& delivery) {
  if (parts_->storage.store.in_index(Resource::blob, delivery.size)) return;
  parts_->repeated_reads.delivered(delivery.client, digest, delivery.verified,
                                   parts_->storage.environment.clock.steady());
}

std::optional<Answer> Cache::find_tag(RepositoryRef repository, std::string_view tag) const {
  thread_local std::string key;
  tag_key(key, repository, tag);
  const auto known = parts_->storage.tags.find(key);
  if (!known) return std::nullopt;
  const TagState& state = *known;
  const auto age =
      age_of(state.record.checked_at, parts_->storage.environment.clock.wall(), state.fresh_for);
  // In its grace it is the home that answers, because it also starts the check.
  if (judge(age, state.fresh_for, std::chrono::milliseconds(0)) != Freshness::fresh) {
    return std::nullopt;
  }
  auto content = parts_->storage.store.find(Resource::manifest, state.record.digest);
  if (!content || !parts_->storage.links.open_to(repository, *content)) return std::nullopt;
  parts_->storage.store.index(Resource::manifest).use(state.record.digest);
  return Answer{Outcome::hit,
                {},
                std::move(content),
                {},
                std::chrono::duration_cast<std::chrono::seconds>(age),
                std::chrono::duration_cast<std::chrono::seconds>(state.fresh_for - age)};
}

void Cache::route(ObjectRequest request) {
  Home& home = home_of(request.digest.hash());
  home.executor.post(
      [&home, request = std::move(request)]() mutable { home.objects.fetch(std::move(request)); });
}

void Cache::route(TagRequest request) {
  Home& home = home_of(std::hash<std::string>{}(tag_key(request.repository, request.tag)));
  home.executor.post(
      [&home, request = std::move(request)]() mutable { home.tags.fetch(std::move(request)); });
}

void Cache::fetch_blob(Repository repository, const Digest& digest, bool head, Requester requester,
                       AnswerCallback done, RequestedRanges ranges) {
  route(ObjectRequest{Resource::blob,
                      std::move(repository),
                      digest,
                      head,
                      {std::move(requester), std::move(done)},
                      std::move(ranges)});
}

void Cache::fetch_manifest(Repository repository, const Digest& digest, bool head,
                           Requester requester, AnswerCallback done) {
  route(ObjectRequest{Resource::manifest,
                      std::move(repository),
                      digest,
                      head,
                      {std::move(requester), std::move(done)}});
}

void Cache::fetch_tag(Repository repository, std::string tag, bool head, bool revalidate,
                      Requester requester, AnswerCallback done) {
  route(TagRequest{std::move(repository),
                   std::move(tag),
                   head,
                   revalidate,
                   {std::move(requester), std::move(done)}});
}

void Cache::fetch_tags(Repository repository, Requester requester, ListingCallback done) {
  list({std::move(repository), std::nullopt, {std::move(requester), std::move(done)}});
}

void Cache::fetch_referrers(Repository repository, const Digest& subject, Requester requester,
                            ListingCallback done) {
  list({std::move(repository), subject, {std::move(requester), std::move(done)}});
}

void Cache::list(ListingRequest request) {
  Home& home = home_of(std::hash<std::string>{}(request.repository.name));
  home.executor.post(
      [&home, request = std::move(request)]() mutable { home.listings.fetch(std::move(request)); });
}

void Cache::reconfigure(const Options& changed) {
  Storage& storage = parts_->storage;
  storage.limits.set(changed, storage.disk.total_bytes());
  use_upstreams(storage, changed);
  storage.pins.set_configured(changed.pins);
  // After the links that are about to be written.
  storage.index_writes.post([&storage, notes = storage.pins.keep_notes()] {
    storage.environment.store_pool.post([&storage, notes] {
      Startup::count_pinned(storage);
      storage.budget.publish_bound();
      storage.budget.trim();
    });
  });
}

void Cache::end_background() { parts_->storage.lifecycle.stopping = true; }

void Cache::on_homes(const std::function<void(Home&)>& act, const Job& after) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size());
  for (const auto& home : homes_) {
    home->executor.post([&home = *home, act, after, left] {
      act(home);
      if (left->fetch_sub(1) == 1) after();
    });
  }
}

void Cache::give_up(Executor& reply_on, const std::function<void(bool)>& done) {
  if (!healthy()) return reply_on.post([done] { done(false); });
  end_background();
  const auto release = [this, &reply_on, done] {
    Storage& storage = parts_->storage;
    bool released = false;
    const auto give = [&] {
      Startup::note_end(storage);
      if (!storage.rocks.release()) return;
      storage.files.release(
          [&](const Digest& digest) { return storage.store.partials().has(digest); });
      released = true;
    };
    run_then(give, [&] { reply_on.post([done, released] { done(released); }); });
  };
  // The homes post some writes for objects that were just stored.
  const auto last_writes = [this, release] {
    on_homes([](Home&) {}, [this, release] { parts_->storage.index_writes.post(release); });
  };
  on_homes(
      [this](Home& home) {
        if (&home == homes_.front().get()) background_->maintenance.stop();
      },
      [this, last_writes] { parts_->keeper.close(last_writes); });
}

void Cache::stop(Executor& reply_on, const Job& done) {
  end_background();
  on_homes(
      [this](Home& home) {
        const Failure failure{FailureKind::unavailable, "the mirror is shutting down"};
        home.tags.abandon_all(failure);
        home.objects.abandon_all(failure);
        home.listings.abandon_all(failure);
        if (&home == homes_.front().get()) background_->maintenance.stop();
      },
      [&reply_on, done] { reply_on.post(done); });
}

bool Cache::healthy() const { return parts_->storage.rocks.health().healthy(); }

}  // namespace entrepot::cache
