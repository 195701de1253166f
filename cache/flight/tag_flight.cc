// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/tag_flight.h"

#include <algorithm>
#include <utility>

#include "cache/base/media_type.h"
#include "cache/content/manifest_checks.h"
#include "cache/index/layout.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// How long a client waits for an upstream when there is a record to answer with.
constexpr std::chrono::milliseconds upstream_patience{3000};

}  // namespace

TagFlight::TagFlight(const TagContext& context, Executor& home, Source& source,
                     TagFlightTable& table, Repository repository, std::string tag,
                     std::shared_ptr<const TagState> known)
    : context_(context),
      home_(home),
      source_(source),
      table_(table),
      repository_(std::move(repository)),
      tag_(std::move(tag)),
      key_(tag_key(repository_, tag_)),
      known_(std::move(known)) {
  context_.environment.metrics.flights().add(1);
}

TagFlight::~TagFlight() { context_.environment.metrics.flights().add(-1); }

void TagFlight::start(bool with_head, const TagRequest& first, bool background) {
  home_.assert_in_thread();
  sent_ = {first.reply.via(), first.reply.accept()};
  client_ = first.reply.client();
  background_ = background;
  if (known_) {
    patience_ = home_.after(upstream_patience, [this] { answer_stale(); });
  }
  ask(with_head);
}

void TagFlight::join(TagRequest request) {
  home_.assert_in_thread();
  const Client client = request.reply.client();
  request.reply.waits_for(record_);
  add_waiting(waiting_, std::move(request));
  if (fetch_) fetch_->wanted_by(client);
  if (impatient_) answer_stale();
}

Demand::Level TagFlight::level() const {
  if (any_awaited(waiting_)) return Level::awaited;
  return background_ || impatient_ ? Level::background : Level::nobody;
}

void TagFlight::ask(bool with_head) {
  asked_with_head_ = with_head;
  head_ = {};
  body_ = {};
  FetchRequest request{repository_.upstream,
                       repository_.name,
                       Resource::manifest,
                       tag_,
                       with_head,
                       /*offset=*/0,
                       context_.environment.options.max_manifest};
  request.or_get = with_head;
  request.via = sent_.via;
  // The manifest of a known tag may have a type that this client did not list.
  request.accept = known_ ? accept_with(sent_.accept, known_->record.media_type) : sent_.accept;
  request.client = client_;
  request.demand = this;
  request.patient = !known_;
  request.record = record_;
  fetch_ = source_.fetch(std::move(request), *this);
}

bool TagFlight::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  home_.assert_in_thread();
  return body_.add(offset, data, context_.environment.options.max_manifest);
}

void TagFlight::on_done(const std::optional<Failure>& failure) {
  home_.assert_in_thread();
  const auto self = shared_from_this();
  fetch_.reset();
  if (failure) return fail(*failure);
  if (asked_with_head_ && !head_.with_body) {
    head_arrived();
  } else {
    manifest_arrived();
  }
}

void TagFlight::head_arrived() {
  const bool described = head_.digest && head_.size && !head_.media_type.empty();
  const bool by_tag =
      std::ranges::any_of(waiting_, [](const auto& request) { return request.by_tag; });
  if (!described || by_tag) return ask(/*with_head=*/false);
  const bool same = known_ && known_->record.digest == *head_.digest;
  // The record of a moved tag is replaced once the new manifest is stored: until then the previous
  // one can be served, even if this flight fails. A client's HEAD needs no manifest.
  if (known_ && !same && !only_heads() &&
      !context_.links.has_manifest_for(repository_, *head_.digest))
    return ask(/*with_head=*/false);
  context_.links.add(repository_, *head_.digest, LinkRecord::Proof::upstream);
  settle({*head_.digest, std::string(served_type(head_.media_type)), *head_.size,
          context_.environment.clock.wall()});
}

bool TagFlight::only_heads() const {
  return !waiting_.empty() &&
         std::ranges::all_of(waiting_, [](const auto& request) { return request.head; });
}

void TagFlight::manifest_arrived() {
  // The algorithm of the digest that the upstream has named, if any.
  const auto algorithm = head_.digest ? head_.digest->algorithm() : Algorithm::sha256;
  read_manifest(
      algorithm, body_.take(), context_.environment.store_pool, home_,
      [self = shared_from_this()](ParsedManifest read) { self->manifest_read(std::move(read)); });
}

void TagFlight::manifest_read(ParsedManifest read) {
  const auto& manifest = read.content;
  if (!read.outline || read.outline->over_limits) {
    log::warn("{}: the answer of {} for {}:{} is no manifest ({} bytes, {}); not used",
              repository_.upstream, head_.endpoint, repository_.name, tag_, manifest->size,
              head_.media_type.empty() ? "no manifest type" : head_.media_type);
    return fail({FailureKind::bad_upstream, "the upstream's answer is not a manifest"});
  }
  if (const auto failure = check_manifest(read, head_.media_type, head_.digest))
    return fail(*failure);
  if (head_.digest && *head_.digest != manifest->digest) {
    source_.report_mismatch(repository_.upstream, head_.endpoint, *head_.digest);
    return fail({FailureKind::bad_upstream,
                 "the manifest's bytes do not have the digest the upstream names"});
  }
  manifest->origins =
      context_.store.origins_with(repository_.upstream, Resource::manifest, manifest->digest);
  // The manifest is stored before the tag, in memory and on disk, so that a client that sees the
  // tag can fetch its manifest.
  const ContentPtr content = manifest;
  context_.store.remember(content, Resource::manifest);
  context_.links.add(repository_, content->digest, LinkRecord::Proof::upstream);
  context_.links.add_references(repository_, *content);
  context_.keeper.keep_manifest(content, repository_.upstream);
  settle({content->digest, content->media_type, content->size, context_.environment.clock.wall()});
}

void TagFlight::settle(TagRecord record) {
  const auto state = context_.tags.state(repository_, tag_, record);
  context_.tags.put(repository_, tag_, state);
  context_.environment.index_writes.post(
      [&context = context_, key = key_, record = std::move(record)] {
        context.environment.rocks.put_tag(key, record);
        context.budget.publish_gauges();
      });
  const bool confirmed = known_ && known_->record.digest == state->record.digest;
  const auto reason = confirmed ? AnswerReason::tag_due
                      : known_  ? AnswerReason::tag_moved
                                : AnswerReason::absent;
  const auto waiting = std::exchange(waiting_, {});
  table_.unlist(*this);
  bool first = true;
  for (const auto& request : waiting) {
    const auto outcome = confirmed ? Outcome::revalidated : first ? Outcome::miss : Outcome::joined;
    first = false;
    table_.answer(request, *state, outcome, reason);
  }
}

void TagFlight::fail(const Failure& failure) {
  patience_.reset();
  if (is_definitive(failure.kind) && !failure.doubtful) forget();
  auto waiting = std::exchange(waiting_, {});
  auto others = take_others(waiting, sent_, failure);
  table_.unlist(*this);
  table_.failed(*this, known_, waiting, failure);
  for (auto& request : others) table_.fetch(std::move(request));
}

/// The upstream has no such tag, or none for our account: no later request may find the record.
void TagFlight::forget() {
  context_.tags.erase(key_);
  context_.environment.index_writes.post(
      [&context = context_, key = key_] { context.environment.rocks.erase_tag(key); });
}

void TagFlight::answer_stale() {
  impatient_ = true;
  table_.answer_stale(known_, std::exchange(waiting_, {}), AnswerReason::upstream_slow,
                      {FailureKind::unavailable, "the upstream does not answer in time"});
}

void TagFlight::abandon(const Failure& failure) {
  home_.assert_in_thread();
  fetch_.reset();
  patience_.reset();
  for (const auto& request : std::exchange(waiting_, {})) {
    request.reply({Outcome::error, AnswerReason::absent, nullptr, failure});
  }
}

}  // namespace entrepot::cache
