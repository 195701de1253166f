// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/tag_flights.h"

#include <utility>

#include "cache/index/layout.h"
#include "metrics/exception.h"

namespace entrepot::cache {
namespace {

/// Time after a failed check during which stale replies do not wait for another.
constexpr std::chrono::seconds rest{5};
/// Shortest interval of the checks that clients force with no-cache, per tag.
constexpr std::chrono::milliseconds forced_interval{1000};
constexpr std::size_t max_remembered = 10'000;
/// Factor of fresh_for while the upstream's rate limit leaves few requests.
constexpr int scarce_factor = 10;

bool lacks_digest(const Answer& answer) { return !answer.content && lacks_digest(answer.failure); }

/// Clients with other types of their own may get another answer.
std::string negative_key(const std::string& tag_key, const std::string& accept) {
  return accept.empty() ? tag_key : tag_key + '\n' + accept;
}

std::chrono::seconds whole_seconds(std::chrono::milliseconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time);
}

}  // namespace

TagFlights::TagFlights(const TagContext& context, Executor& home, Source& source)
    : context_(context), home_(home), source_(source), self_(std::make_shared<TagFlights*>(this)) {}

TagFlights::~TagFlights() = default;

void TagFlights::fetch(TagRequest request) {
  home_.assert_in_thread();
  if (request.by_tag) return ask_by_tag(std::move(request));
  const auto key = tag_key(request.repository, request.tag);
  if (const auto known = context_.tags.find(key)) return decide(std::move(request), known);
  if (flights_.contains(key)) return join_or_start(std::move(request), nullptr);
  context_.environment.store_pool.post([&context = context_, &home = home_,
                                        weak = std::weak_ptr(self_), key,
                                        request = std::move(request)]() mutable {
    std::optional<TagRecord> record;
    run_then([&] { record = context.environment.rocks.tag(key); },
             [&] {
               home.post(
                   [weak, key, request = std::move(request), record = std::move(record)]() mutable {
                     if (const auto self = weak.lock())
                       (*self)->decide_with(std::move(request), key, std::move(record));
                   });
             });
  });
}

void TagFlights::decide_with(TagRequest request, const std::string& key,
                             std::optional<TagRecord> record) {
  auto known = context_.tags.find(key);  // a flight may have been faster
  if (!known && record) {
    known = context_.tags.state(request.repository, request.tag, std::move(*record));
    context_.tags.put(request.repository, request.tag, known);
  }
  decide(std::move(request), known);
}

void TagFlights::decide(TagRequest request, const StatePtr& known) {
  if (!known) return join_or_start(std::move(request), nullptr);
  const auto age =
      age_of(known->record.checked_at, context_.environment.clock.wall(), known->fresh_for);
  const auto stale_for = context_.tags.freshness(request.repository.upstream)->stale_for();
  const auto freshness = judge(age, known->fresh_for, stale_for);
  const bool low_on_quota = source_.low_on_quota(request.repository.upstream);
  const auto key = tag_key(request.repository, request.tag);
  if (request.revalidate && may_force(key)) return join_or_start(std::move(request), known);
  switch (freshness) {
    case Freshness::fresh:
      return answer(request, *known, Outcome::hit, {});
    case Freshness::grace:
      if (low_on_quota) return answer(request, *known, Outcome::hit, {});
      check_in_background(request, known);
      return answer(request, *known, Outcome::hit, AnswerReason::tag_refreshing);
    case Freshness::due:
      if (low_on_quota && age / scarce_factor < known->fresh_for)
        return answer(request, *known, Outcome::stale, AnswerReason::rate_limit_low);
      if (!rests(request, known)) return join_or_start(std::move(request), known);
      return answer(request, *known, Outcome::stale, AnswerReason::upstream_unreachable);
    case Freshness::expired:
      return join_or_start(std::move(request), nullptr);
  }
}

/// Limits the checks that a client can force, so that it cannot flood the upstream.
bool TagFlights::may_force(const std::string& key) {
  const auto now = context_.environment.clock.steady();
  if (forced_at_.size() >= max_remembered) forced_at_.clear();
  const auto [last, first_time] = forced_at_.try_emplace(key, now);
  if (!first_time && now - last->second < forced_interval) return false;
  last->second = now;
  return true;
}

void TagFlights::join_or_start(TagRequest request, const StatePtr& known) {
  if (!request.reply.awaited())
    return request.reply({Outcome::error, AnswerReason::client_left, nullptr, nobody_waits()});
  const auto key = tag_key(request.repository, request.tag);
  if (const auto failure = negative_.find(negative_key(key, request.reply.accept()),
                                          context_.environment.clock.steady())) {
    return request.reply({Outcome::error, AnswerReason::negative, nullptr, *failure});
  }
  const auto running = flights_.find(key);
  const bool head = !request.by_tag && (request.head || known != nullptr ||
                                        source_.low_on_quota(request.repository.upstream));
  const auto flight =
      running != flights_.end() ? running->second : start(request, head, known, false);
  flight->join(std::move(request));
}

void TagFlights::check_in_background(const TagRequest& request, const StatePtr& known) {
  if (!flights_.contains(tag_key(request.repository, request.tag)))
    start(request, /*head=*/true, known, /*background=*/true);
}

std::shared_ptr<TagFlight> TagFlights::start(const TagRequest& request, bool head,
                                             const StatePtr& known, bool background) {
  TagFlightTable& table = *this;
  auto flight = std::make_shared<TagFlight>(context_, home_, source_, table, request.repository,
                                            request.tag, known);
  flights_.emplace(tag_key(request.repository, request.tag), flight);
  flight->start(head, request, background);
  return flight;
}

void TagFlights::unlist(const TagFlight& flight) {
  const auto key = tag_key(flight.repository(), flight.tag());
  flights_.erase(key);
  resting_until_.erase(key);
}

void TagFlights::answer(const TagRequest& request, const TagState& state, Outcome outcome,
                        std::optional<AnswerReason> reason) {
  const auto age =
      age_of(state.record.checked_at, context_.environment.clock.wall(), state.fresh_for);
  Answer answer{outcome,
                reason,
                nullptr,
                {},
                whole_seconds(age),
                whole_seconds(std::max(state.fresh_for - age, std::chrono::milliseconds(0)))};
  answer.content = context_.store.find(Resource::manifest, state.record.digest);
  if (answer.content && !context_.links.open_to(request.repository, *answer.content))
    answer.content.reset();
  if (!answer.content && request.head) {
    answer.content = std::make_shared<const Content>(Content{state.record.digest, state.record.size,
                                                             state.record.media_type, nullptr,
                                                             nullptr, nullptr});
  }
  if (answer.content) {
    context_.store.index(Resource::manifest).use(state.record.digest);
    return request.reply(std::move(answer));
  }
  ObjectRequest by_digest{
      Resource::manifest,
      request.repository,
      state.record.digest,
      request.head,
      {request.reply.requester_at(home_),
       [weak = std::weak_ptr(self_), request, answer = std::move(answer)](Answer object) mutable {
         const auto self = weak.lock();
         if (self && !request.by_tag && lacks_digest(object)) return (*self)->ask_by_tag(request);
         // Only a manifest that the store lacked has an outcome of its own.
         if (object.outcome != Outcome::hit) answer.outcome = object.outcome;
         if (!answer.reason) answer.reason = object.reason;
         answer.content = std::move(object.content);
         answer.failure = std::move(object.failure);
         request.reply(std::move(answer));
       }}};
  by_digest.from_tag = true;
  context_.router.route(std::move(by_digest));
}

/// Some registries have manifests by tag only (GitLab, docker.pkg.github.com).
void TagFlights::ask_by_tag(TagRequest request) {
  const auto known = context_.tags.find(tag_key(request.repository, request.tag));
  request.by_tag = true;
  join_or_start(std::move(request), known);
}

void TagFlights::answer_stale(const StatePtr& known, const std::vector<TagRequest>& waiting,
                              AnswerReason reason, const Failure& failure) {
  for (const auto& request : waiting) {
    const bool usable =
        known &&
        judge(age_of(known->record.checked_at, context_.environment.clock.wall(), known->fresh_for),
              known->fresh_for,
              context_.tags.freshness(request.repository.upstream)->stale_for()) !=
            Freshness::expired;
    if (usable) {
      answer(request, *known, Outcome::stale, reason);
    } else {
      request.reply({Outcome::error, AnswerReason::absent, nullptr, failure});
    }
  }
}

void TagFlights::failed(const TagFlight& flight, const StatePtr& known,
                        const std::vector<TagRequest>& waiting, const Failure& failure) {
  const auto key = tag_key(flight.repository(), flight.tag());
  const auto now = context_.environment.clock.steady();
  if (stale_may_cover(failure) || failure.kind == FailureKind::store) {
    if (resting_until_.size() >= max_remembered) resting_until_.clear();
    if (known && !failure.given_up && !is_due_to_via(flight.sent().via, failure))
      resting_until_[key] = now + rest;
    if (known || !failure.doubtful)
      return answer_stale(known, waiting, AnswerReason::upstream_unreachable, failure);
  }
  if (failure.kind == FailureKind::not_found && !failure.doubtful) {
    negative_.put(negative_key(key, flight.sent().accept), first_client(waiting), failure,
                  now + context_.environment.options.negative_manifest);
  }
  for (const auto& request : waiting)
    request.reply({Outcome::error, AnswerReason::absent, nullptr, failure});
}

/// True if the last check failed: requests do not wait for the next, which runs in the background.
bool TagFlights::rests(const TagRequest& request, const StatePtr& known) {
  const auto key = tag_key(request.repository, request.tag);
  const auto found = resting_until_.find(key);
  if (found == resting_until_.end()) return false;
  if (found->second <= context_.environment.clock.steady()) check_in_background(request, known);
  return true;
}

void TagFlights::abandon_all(const Failure& failure) {
  home_.assert_in_thread();
  for (const auto& [key, flight] : std::exchange(flights_, {})) flight->abandon(failure);
}

}  // namespace entrepot::cache
