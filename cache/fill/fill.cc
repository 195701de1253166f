// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/fill.h"

#include <utility>

#include "cache/fill/file_body.h"
#include "cache/fill/small_body.h"
#include "cache/index/stored_size.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// An object whose wrong bytes no client has seen is requested once more.
constexpr int max_attempts = 2;

std::unique_ptr<FillBody> new_body(FillSubject& subject, FillBody::Owner& owner, FetchScope scope) {
  if (subject.resource == Resource::manifest) return std::make_unique<SmallBody>(subject, owner);
  return std::make_unique<FileBody>(subject, owner, scope);
}

}  // namespace

Fill::Fill(const FillContext& context, Executor& home, Source& source, Owner& owner,
           const ObjectRequest& first, bool apart)
    : subject_{context,
               home,
               source,
               sink_,
               *this,
               first.resource,
               first.repository,
               first.digest,
               {first.reply.via(), first.reply.accept()},
               first.wanted.first,
               apart,
               first.reply.client()},
      owner_(owner),
      body_(new_body(subject_, *this,
                     first.wanted.pieces && !apart ? FetchScope::ranges : FetchScope::whole)) {
  context.environment.metrics.flights().add(1);
}

Fill::~Fill() { subject_.context.environment.metrics.flights().add(-1); }

Demand::Level Fill::level() const {
  if (body_->awaited() || any_awaited(waiting_)) return Level::awaited;
  return body_->useful() ? Level::background : Level::nobody;
}

// ---- Requests

void Fill::join(ObjectRequest request) {
  subject_.home.assert_in_thread();
  subject_.client = request.reply.client();
  request.reply.waits_for(subject_.record);
  if (phase_.is(FillPhase::keeping)) {
    // On its way to the disk: as good as stored.
    ++uses_;
    return request.reply({request.outcome, request.reason, content_, {}});
  }
  if (!content_) {
    add_waiting(waiting_, std::move(request));
  } else if (body_->admits(request)) {
    answer(request);
  } else {
    return route(std::move(request));
  }
  body_->client_joined(subject_.client);
}

void Fill::answer_waiting() {
  for (const auto& request : std::exchange(waiting_, {})) answer(request);
}

void Fill::answer(const ObjectRequest& request) {
  if (content_->progress && body_->answer_ranges(request)) return;
  const auto bypass = body_->bypass();
  const bool first = first_answer();
  const auto outcome = !first ? Outcome::joined : bypass ? Outcome::bypass : Outcome::miss;
  const auto reason = bypass                  ? answer_reason(*bypass)
                      : request.wanted.pieces ? AnswerReason::range_whole
                                              : AnswerReason::absent;
  reply(request, outcome, reason, Progress::ReadPolicy::proven);
}

void Fill::reply(const ObjectRequest& request, Outcome outcome, AnswerReason reason,
                 Progress::ReadPolicy policy) const {
  auto content = content_;
  if (content->progress) {  // a read position of its own
    auto own = *content;
    own.reader = body_->reader();
    own.reach = policy;
    content = std::make_shared<const Content>(std::move(own));
  }
  request.reply({outcome, request.reason.value_or(reason), std::move(content), {}});
}

bool Fill::first_answer() { return !std::exchange(first_answered_, true); }

// ---- From the first request to the proof

void Fill::start() {
  subject_.home.assert_in_thread();
  ++attempts_;
  body_->start(/*resume=*/attempts_ == 1 && !subject_.apart);
}

void Fill::restart(Attempt attempt) {
  if (!phase_.is(FillPhase::asking)) phase_.enter(FillPhase::asking);
  body_ = new_body(subject_, *this, FetchScope::whole);
  if (attempt == Attempt::same) --attempts_;
  start();
}

void Fill::Sink::on_head(const FetchHead& head) {
  fill_.subject_.home.assert_in_thread();
  const auto self = fill_.shared_from_this();
  fill_.body_->on_head(head);
}

bool Fill::Sink::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  fill_.subject_.home.assert_in_thread();
  return fill_.body_->on_data(offset, data);
}

void Fill::Sink::on_endpoint(const std::string& endpoint) {
  fill_.subject_.endpoints.insert(endpoint);
}

void Fill::Sink::on_done(const std::optional<Failure>& failure) {
  fill_.subject_.home.assert_in_thread();
  const auto self = fill_.shared_from_this();
  fill_.body_->on_done(failure);
}

void Fill::opened(ContentPtr growing) {
  phase_.enter(FillPhase::arriving);
  content_ = std::move(growing);
  if (content_) answer_waiting();
}

void Fill::continue_in_memory(const FetchHead& head, std::unique_ptr<Fetch> fetch) {
  body_ = std::make_unique<SmallBody>(subject_, *this, head, std::move(fetch));
  opened(nullptr);
}

void Fill::mismatch() {
  const FillContext& context = subject_.context;
  const auto& [upstream, name] = subject_.repository;
  auto endpoints = std::exchange(subject_.endpoints, {});
  const bool one = endpoints.size() == 1;
  subject_.source.report_mismatch(upstream, one ? *endpoints.begin() : std::string(),
                                  subject_.digest);
  std::string from;
  for (const auto& endpoint : endpoints) from += (from.empty() ? "" : " and ") + endpoint;
  log::error("{}: {} in {} arrived from {} with another digest; nothing of it is kept", upstream,
             subject_.digest.str(), name, from);
  context.mismatched.add(subject_.digest);
  if (body_->in_memory() && attempts_ < max_attempts) return restart(Attempt::next);
  fail({FailureKind::bad_upstream, "the upstream's bytes do not have the digest asked for"},
       FillBody::Bytes::discarded);
}

void Fill::proven(ContentPtr content) {
  const auto self = shared_from_this();
  content_ = std::move(content);
  answer_waiting();
  phase_.enter(FillPhase::keeping);
  const bool will_be_stored =
      body_->keep(content_, [this, self](bool kept, bool is_inline) { stored(kept, is_inline); });
  if (!will_be_stored) stored(false, false);
}

// ---- Ends

void Fill::stored(bool kept, bool is_inline) {
  subject_.home.assert_in_thread();
  const FillContext& context = subject_.context;
  const auto& digest = subject_.digest;
  context.mismatched.remove(digest);
  if (kept && subject_.resource == Resource::blob) {
    const auto& upstream = subject_.repository.upstream;
    context.store.blobs().put(digest,
                              {content_->size, is_inline, false,
                               context.store.origins_with(upstream, Resource::blob, digest)});
    for (; uses_ > 0; --uses_) context.store.blobs().use(digest);
    if (!is_inline) context.environment.lifecycle.bytes_since += size_on_disk(content_->size);
  }
  context.store.being_stored().remove(digest);
  body_->stored();
  context.environment.store_pool.post([&budget = context.budget] { budget.publish_gauges(); });
  phase_.enter(FillPhase::ended);
  owner_.unlist(*this);
}

void Fill::rest() {
  const auto self = shared_from_this();
  phase_.enter(FillPhase::ended);
  owner_.unlist(*this);
}

void Fill::fail(const Failure& failure, FillBody::Bytes bytes) {
  const auto self = shared_from_this();
  body_->settle(failure, bytes);
  auto waiting = std::exchange(waiting_, {});
  for (auto& request : body_->take_waiting()) waiting.push_back(std::move(request));
  phase_.enter(FillPhase::ended);
  owner_.unlist(*this);
  owner_.failed(subject_.repository, subject_.resource, subject_.digest, subject_.sent,
                std::move(waiting), failure);
}

void Fill::abandon(const Failure& failure) {
  subject_.home.assert_in_thread();
  body_->stop();
  if (!phase_.is(FillPhase::keeping)) body_->leave();
  for (const auto& request : std::exchange(waiting_, {}))
    request.reply({Outcome::error, request.reason, nullptr, failure});
  for (const auto& request : body_->take_waiting())
    request.reply({Outcome::error, request.reason, nullptr, failure});
  // The store pool goes on with a manifest that it parses, and with an object that it stores.
  const bool on_pool =
      phase_.is(FillPhase::keeping) || (phase_.is(FillPhase::proving) && body_->in_memory());
  if (!on_pool) phase_.enter(FillPhase::ended);
}

}  // namespace entrepot::cache
