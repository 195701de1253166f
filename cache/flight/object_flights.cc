// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/object_flights.h"

#include <algorithm>
#include <utility>

#include "cache/base/media_type.h"
#include "cache/index/layout.h"
#include "metrics/exception.h"

namespace entrepot::cache {
namespace {

/// Negative entries and proofs are per repository, and a manifest is not a blob.
std::string flight_key(Resource resource, const Repository& repository, const Digest& digest) {
  return link_key(repository, digest) + (resource == Resource::manifest ? 'm' : 'b');
}

/// Clients with other types of their own may get another answer for a manifest.
std::string negative_key(Resource resource, const Repository& repository, const Digest& digest,
                         const std::string& accept) {
  return flight_key(resource, repository, digest) + (resource == Resource::manifest ? accept : "");
}

}  // namespace

ObjectFlights::ObjectFlights(const FillContext& context, Executor& home, Source& source,
                             TagFallback by_tag)
    : context_(context),
      home_(home),
      source_(source),
      by_tag_(by_tag),
      self_(std::make_shared<ObjectFlights*>(this)) {}

ObjectFlights::~ObjectFlights() = default;

std::shared_ptr<Fill> ObjectFlights::find_fill(const ObjectRequest& request) {
  auto& table = fills(request.resource);
  auto [fill, end] = table.equal_range(request.digest);
  while (fill != end) {
    if (!fill->second->joinable()) {
      closed_fills_.insert(fill->second);
      fill = table.erase(fill);
    } else if (fill->second->subject().open_to(request.repository.upstream)) {
      return fill->second;
    } else {
      ++fill;
    }
  }
  return nullptr;
}

ContentPtr ObjectFlights::stored_for(const ObjectRequest& request) const {
  auto content = context_.store.find(request.resource, request.digest);
  return content && context_.links.open_to(request.repository, *content) ? content : nullptr;
}

void ObjectFlights::fetch(ObjectRequest request) {
  home_.assert_in_thread();
  if (!request.reply.awaited()) return turn_away(request);
  if (!answer_from_memory(request)) look_on_disk(std::move(request));
}

/// A proof that this request has waited for is valid for it, even if proofs expire at once.
bool ObjectFlights::linked(const ObjectRequest& request) const {
  if (request.link_is_new || request.accept_old_link) return true;
  const auto link = context_.links.find(request.repository, request.digest);
  if (link) context_.links.persist(request.repository, request.digest, *link);
  return link.has_value();
}

bool ObjectFlights::answer_from_memory(const ObjectRequest& request) {
  if (!linked(request)) return false;
  if (const auto content = stored_for(request)) {
    answer_stored(request, content);
    return true;
  }
  if (const auto fill = find_fill(request)) {
    fill->join(request);
    return true;
  }
  return false;
}

void ObjectFlights::look_on_disk(ObjectRequest request) {
  // The table of flights may be gone when the disk has answered: a weak handle tells.
  context_.environment.store_pool.post([&context = context_, &home = home_,
                                        weak = std::weak_ptr(self_),
                                        request = std::move(request)]() mutable {
    Looked looked;
    run_then(
        [&] {
          looked.link =
              context.environment.rocks.link(link_key(request.repository, request.digest));
          looked.object = context.store.load(request.resource, request.digest);
          if (!looked.link &&
              (looked.object.content || context.store.find(request.resource, request.digest)))
            looked.by_manifest = context.links.find_by_manifest(request.repository, request.digest);
        },
        [&] {
          home.post([weak, request = std::move(request), looked = std::move(looked)]() mutable {
            if (const auto self = weak.lock()) {
              (*self)->note(request, looked);
              (*self)->decide(std::move(request), looked);
            }
          });
        });
  });
}

/// Copies the records from the disk into memory for the next request.
void ObjectFlights::note(const ObjectRequest& request, const Looked& looked) {
  if (looked.link || looked.by_manifest) {
    // A flight may have proven the link meanwhile: its newer record stays.
    context_.links.add_known(request.repository, request.digest,
                             looked.link ? *looked.link : *looked.by_manifest,
                             looked.link.has_value());
  }
  const auto& [content, doubtful] = looked.object;
  if (!content) return;
  context_.store.remember(content, request.resource);
  if (context_.environment.lifecycle.loaded) return;
  const Index::Stored stored{content->size, content->bytes != nullptr, doubtful, content->origins};
  (request.resource == Resource::blob ? context_.store.blobs() : context_.store.manifests())
      .restore(request.digest, stored);
}

void ObjectFlights::turn_away(const ObjectRequest& request) {
  request.reply({Outcome::error, AnswerReason::client_left, nullptr, nobody_waits()});
}

void ObjectFlights::decide(ObjectRequest request, const Looked& looked) {
  if (!request.reply.awaited()) return turn_away(request);
  auto content = looked.object.content;
  if (!content) content = context_.store.find(request.resource, request.digest);
  // Content that its own upstream has not delivered counts as absent, and is fetched there.
  if (content && !context_.links.open_to(request.repository, *content)) content.reset();
  const auto fill = find_fill(request);
  request.had_link = looked.link || looked.by_manifest;
  if (linked(request) && content) {
    return looked.object.doubtful ? check(std::move(request), content)
                                  : answer_stored(request, content, /*from_disk=*/true);
  }
  const bool asks_for_it =
      fill && !fill->begun() && fill->subject().repository == request.repository;
  if (fill && (linked(request) || asks_for_it)) {
    return fill->join(std::move(request));
  }
  const auto key =
      negative_key(request.resource, request.repository, request.digest, request.reply.accept());
  if (const auto failure = negative_.find(key, context_.environment.clock.steady())) {
    if (by_tag_.take(request, *failure)) return;
    return request.reply({Outcome::error, AnswerReason::negative, nullptr, *failure});
  }
  // Content of another repository, stored or arriving, needs a proof for this one. A HEAD needs an
  // answer and no fill. A request of ranges that may all be stored would ask for no proof
  // otherwise.
  const bool pieces = request.wanted.pieces && context_.store.partials().has(request.digest);
  if (content || fill || request.head || (pieces && !linked(request)))
    return prove(std::move(request));
  start_fill(std::move(request));
}

void ObjectFlights::answer_stored(const ObjectRequest& request, const ContentPtr& content,
                                  bool from_disk) {
  if ((request.link_is_new || from_disk) && request.resource == Resource::manifest) {
    context_.links.add_references(request.repository, *content);
  }
  context_.store.index(request.resource).use(request.digest);
  request.reply({request.outcome, request.reason, content, {}});
}

void ObjectFlights::check(ObjectRequest request, const ContentPtr& content) {
  const Digest digest = request.digest;
  Check& check = checks_[digest];
  add_waiting(check.waiting, std::move(request));
  if (check.hasher) return;
  check.content = content;
  check.hasher = std::make_shared<FileHasher>(
      content->file, digest.algorithm(), context_.environment.store_pool, home_,
      [this, digest](const std::optional<Digest>& actual) { checked(digest, actual); });
  check.hasher->finish(content->size);
}

void ObjectFlights::checked(const Digest& digest, const std::optional<Digest>& actual) {
  auto check = std::move(checks_.extract(digest).mapped());
  context_.store.settle_doubt(digest, actual, check.content->file.get());
  for (auto& request : check.waiting) {
    if (!request.reason && actual != digest) request.reason = AnswerReason::corrupt;
    fetch(std::move(request));
  }
}

void ObjectFlights::start_fill(ObjectRequest request) {
  auto& table = fills(request.resource);
  const bool apart = table.contains(request.digest);
  const auto fill = std::make_shared<Fill>(context_, home_, source_, *this, request, apart);
  table.emplace(request.digest, fill);
  fill->join(std::move(request));
  fill->start();
}

void ObjectFlights::prove(ObjectRequest request) {
  const Resource resource = request.resource;
  const Digest digest = request.digest;
  const auto key = flight_key(resource, request.repository, digest);
  auto& proof = proofs_[key];
  const bool starts = !proof;
  if (starts)
    proof =
        std::make_shared<LinkProof>(context_.environment, context_.links, source_, *this, request);
  if (!request.reason) request.reason = AnswerReason::not_linked;
  request.outcome = starts ? Outcome::revalidated : Outcome::joined;
  proof->join(std::move(request));
  if (!starts) return;
  const auto stored = context_.store.find(resource, digest);
  proof->start(stored ? stored->media_type : std::string_view());
}

void ObjectFlights::unlist(const Fill& fill) {
  std::erase_if(closed_fills_, [&fill](const auto& closed) { return closed.get() == &fill; });
  auto& table = fills(fill.subject().resource);
  const auto [begin, end] = table.equal_range(fill.subject().digest);
  const auto found =
      std::find_if(begin, end, [&fill](const auto& one) { return one.second.get() == &fill; });
  if (found != end) table.erase(found);
}

void ObjectFlights::unlist(const LinkProof& proof) {
  proofs_.erase(flight_key(proof.resource(), proof.repository(), proof.digest()));
}

void ObjectFlights::failed(const Repository& asked, Resource resource, const Digest& digest,
                           const SentAs& sent, std::vector<ObjectRequest> waiting,
                           const Failure& failure) {
  remember_failure(asked, resource, digest, sent, failure, first_client(waiting));
  auto others = take_others(waiting, sent, failure);
  for (auto& request : waiting) {
    // A request that joined from another repository needs the answer of that repository.
    if (request.repository != asked) {
      fetch(std::move(request));
    } else if (!by_tag_.take(request, failure)) {
      request.reply({Outcome::error, AnswerReason::absent, nullptr, failure});
    }
  }
  for (auto& request : others) fetch(std::move(request));
}

void ObjectFlights::proven(const FetchHead& head, std::vector<ObjectRequest> waiting) {
  for (auto& request : waiting) {
    request.link_is_new = true;
    const bool here = stored_for(request) || find_fill(request);
    const bool described =
        head.size && (request.resource == Resource::blob || !head.media_type.empty());
    if (!here && request.head && described) {
      std::string media_type;
      if (request.resource == Resource::manifest) media_type = served_type(head.media_type);
      auto content = std::make_shared<const Content>(
          Content{request.digest, *head.size, std::move(media_type), nullptr, nullptr, nullptr});
      request.reply({Outcome::miss, AnswerReason::absent, std::move(content), {}});
      continue;
    }
    // A HEAD that did not say enough is answered from a fill.
    request.head = request.head && described;
    fetch(std::move(request));
  }
}

void ObjectFlights::proof_failed(const Repository& asked, Resource resource, const Digest& digest,
                                 const SentAs& sent, std::vector<ObjectRequest> waiting,
                                 const Failure& failure) {
  remember_failure(asked, resource, digest, sent, failure, first_client(waiting));
  auto others = take_others(waiting, sent, failure);
  for (auto& request : waiting) {
    if (stale_may_cover(failure) && request.had_link && !request.accept_old_link) {
      request.accept_old_link = true;
      request.outcome = Outcome::stale;
      request.reason = AnswerReason::proof_due;
      fetch(std::move(request));
    } else if (!by_tag_.take(request, failure)) {
      request.reply({Outcome::error, AnswerReason::not_linked, nullptr, failure});
    }
  }
  for (auto& request : others) fetch(std::move(request));
}

void ObjectFlights::remember_failure(const Repository& asked, Resource resource,
                                     const Digest& digest, const SentAs& sent,
                                     const Failure& failure, Client client) {
  if (!is_definitive(failure.kind) || failure.doubtful) return;
  context_.links.remove(asked, digest);
  // A denied object may be allowed as soon as the operator has changed the credentials.
  if (failure.kind == FailureKind::denied) return;
  const auto now = context_.environment.clock.steady();
  const auto lifetime = resource == Resource::manifest
                            ? context_.environment.options.negative_manifest
                            : context_.environment.options.negative_blob;
  negative_.put(negative_key(resource, asked, digest, sent.accept), client, failure,
                now + lifetime);
}

void ObjectFlights::abandon_all(const Failure& failure) {
  home_.assert_in_thread();
  for (const auto& [digest, fill] : std::exchange(blob_fills_, {})) fill->abandon(failure);
  for (const auto& [digest, fill] : std::exchange(manifest_fills_, {})) fill->abandon(failure);
  for (const auto& fill : std::exchange(closed_fills_, {})) fill->abandon(failure);
  for (const auto& [key, proof] : std::exchange(proofs_, {})) proof->abandon(failure);
  for (const auto& [digest, check] : std::exchange(checks_, {})) {
    check.hasher->cancel();
    for (const auto& request : check.waiting)
      request.reply({Outcome::error, request.reason, nullptr, failure});
  }
}

}  // namespace entrepot::cache
