// SPDX-License-Identifier: Apache-2.0
#include "cache/cache.h"

#include <atomic>
#include <functional>
#include <utility>

#include "cache/adoption.h"
#include "cache/home.h"
#include "cache/layout.h"
#include "cache/loading.h"
#include "cache/scrub.h"
#include "cache/shared.h"
#include "cache/upkeep.h"
#include "metrics/check.h"
#include "metrics/exception.h"

namespace entrepot::cache {

/// Everything that goes on without a request.
struct Cache::Background {
  Background(Shared& shared_in, Executor& home, Job restart_wanted)
      : shared(shared_in),
        scrub(shared),
        loading(shared, scrub),
        adoption(shared),
        upkeep(
            shared, scrub, home, [this] { load(); }, std::move(restart_wanted)) {
    loading.begin();
    // Before any other write of the index: what it counts must not be counted twice.
    shared.index_writes.post([this] { shared.rocks.count_tags(); });
    shared.store.post([this] {
      shared.space.index().measure();
      load();
    });
    upkeep.start();
  }

  void load() {
    bool whole = false;
    run_or([&] { whole = loading.run(); }, [this] { shared.load_failed = true; });
    if (whole) adoption.start();
  }

  Shared& shared;
  Scrub scrub;
  Loading loading;
  Adoption adoption;
  Upkeep upkeep;
};

Cache::Cache(Options options, const Clock& clock, const metrics::Metrics& metrics, Poster& store,
             const std::vector<HomeParts>& homes, Job restart_wanted)
    : shared_(std::make_unique<Shared>(std::move(options), clock, metrics, store)) {
  check(!homes.empty(), "there is a fetch loop");
  shared_->router = this;
  shared_->space.tell_size();
  inspection_ = std::make_unique<Inspection>(*shared_);
  background_ =
      std::make_unique<Background>(*shared_, *homes.front().executor, std::move(restart_wanted));
  for (const auto& parts : homes) {
    homes_.push_back(std::make_unique<Home>(*shared_, *parts.executor, *parts.source));
  }
}

Cache::~Cache() { Loading::note_end(*shared_); }

Home& Cache::home_of(std::size_t hash) const { return *homes_[hash % homes_.size()]; }

std::optional<Answer> Cache::find_blob(RepositoryRef repository, const Digest& digest,
                                       bool ranged) const {
  return find_object(Resource::blob, repository, digest, ranged);
}

std::optional<Answer> Cache::find_manifest(RepositoryRef repository, const Digest& digest) const {
  return find_object(Resource::manifest, repository, digest, /*ranged=*/false);
}

std::optional<Answer> Cache::find_object(Resource resource, RepositoryRef repository,
                                         const Digest& digest, bool ranged) const {
  const auto link = shared_->linked(repository, digest);
  if (!link) return std::nullopt;
  auto content = shared_->stored(resource, digest);
  if (!content || !shared_->open_to(repository, *content)) return std::nullopt;
  shared_->keep_link(repository, digest, *link);
  if (!ranged || shared_->ranged_uses.counts(digest, shared_->clock.steady()))
    shared_->used(resource, digest);
  return Answer{Outcome::hit, {}, std::move(content), {}};
}

std::optional<Answer> Cache::find_tag(RepositoryRef repository, std::string_view tag) const {
  thread_local std::string key;
  tag_key(key, repository, tag);
  const auto known = shared_->tags.find(key);
  if (!known) return std::nullopt;
  const TagState& state = **known;
  const auto age = age_of(state.record.checked_at, shared_->clock.wall(), state.fresh_for);
  // In its grace it is the home that answers, because it also starts the check.
  if (judge(age, state.fresh_for, std::chrono::milliseconds(0)) != Freshness::fresh) {
    return std::nullopt;
  }
  auto content = shared_->stored(Resource::manifest, state.record.digest);
  if (!content || !shared_->open_to(repository, *content)) return std::nullopt;
  shared_->used(Resource::manifest, state.record.digest);
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

void Cache::fetch_blob(Repository repository, const Digest& digest, bool head, Asker asker,
                       AnswerCallback done, Wanted wanted) {
  route({Resource::blob,
         std::move(repository),
         digest,
         head,
         {std::move(asker), std::move(done)},
         std::move(wanted)});
}

void Cache::fetch_manifest(Repository repository, const Digest& digest, bool head, Asker asker,
                           AnswerCallback done) {
  route({Resource::manifest,
         std::move(repository),
         digest,
         head,
         {std::move(asker), std::move(done)}});
}

void Cache::fetch_tag(Repository repository, std::string tag, bool head, bool revalidate,
                      Asker asker, AnswerCallback done) {
  Home& home = home_of(std::hash<std::string>{}(tag_key(repository, tag)));
  home.executor.post([&home, request = TagRequest{std::move(repository),
                                                  std::move(tag),
                                                  head,
                                                  revalidate,
                                                  {std::move(asker), std::move(done)}}]() mutable {
    home.tags.fetch(std::move(request));
  });
}

void Cache::fetch_tags(Repository repository, Asker asker, ListingCallback done) {
  list({std::move(repository), std::nullopt, {std::move(asker), std::move(done)}});
}

void Cache::fetch_referrers(Repository repository, const Digest& subject, Asker asker,
                            ListingCallback done) {
  list({std::move(repository), subject, {std::move(asker), std::move(done)}});
}

void Cache::list(ListingRequest request) {
  Home& home = home_of(std::hash<std::string>{}(request.repository.name));
  home.executor.post(
      [&home, request = std::move(request)]() mutable { home.listings.fetch(std::move(request)); });
}

void Cache::reconfigure(const Options& changed) { shared_->reconfigure(changed); }

void Cache::end_background() { shared_->stopping = true; }

void Cache::stop(Executor& reply_on, const Job& done) {
  end_background();
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size());
  for (const auto& home : homes_) {
    home->executor.post([this, &home = *home, left, &reply_on, done] {
      const Failure failure{FailureKind::unavailable, "the mirror is shutting down"};
      home.tags.abandon_all(failure);
      home.objects.abandon_all(failure);
      home.listings.abandon_all(failure);
      if (&home == homes_.front().get()) background_->upkeep.stop();
      if (left->fetch_sub(1) == 1) reply_on.post(done);
    });
  }
}

bool Cache::healthy() const { return shared_->rocks.healthy(); }

}  // namespace entrepot::cache
