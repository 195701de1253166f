// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last action of a function.
#include "proxy/upstream/object_fetch.h"

#include <chrono>
#include <utility>
#include <variant>

#include "metrics/log.h"
#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {
namespace {

// Guesses while the size of an object is unknown, in bytes.
constexpr std::uint64_t usual_manifest = 4096;
constexpr std::uint64_t usual_layer = 8ULL * 1024 * 1024;

}  // namespace

ObjectFetch::ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink)
    : upstream_(upstream),
      request_(std::move(request)),
      sink_(sink),
      waiters_{.clients = {request_.client}, .demand = request_.demand},
      progress_(request_.offset, request_.end, request_.max_size, request_.size),
      tally_(upstream.endpoints().size()),
      retry_(upstream.limits(), upstream.timeouts(), std::chrono::steady_clock::now(),
             upstream.next_seed()),
      resumes_(upstream.limits(), upstream.endpoints().size(), request_.offset,
               upstream.next_seed()),
      moves_(upstream.limits().moves),
      events_(request_.record, request_.beside_others),
      // One endpoint is left at least: the fetch would have ended otherwise.
      timer_(upstream.base(), [this] { attempt(*upstream_.choose(bytes_left(), tally_.tried())); }),
      hedge_timer_(upstream.base(), [this] { hedge(); }) {
  timer_.set(std::chrono::milliseconds(0));
}

void ObjectFetch::hold(bool on) {
  upstream_.loop().assert_in_loop();
  if (current_.request) current_.request->hold(on);
}

void ObjectFetch::wanted_by(cache::Client client) {
  upstream_.loop().assert_in_loop();
  waiters_.add(client);
  if (phase_.is(FetchPhase::requesting)) current_.request->wanted_by(client);
}

void ObjectFetch::attempt(Endpoint& endpoint) {
  timer_.cancel();
  phase_.enter(FetchPhase::requesting);
  moves_.restart();
  if (current_.request) events_.goes_on(current_.request->endpoint(), endpoint);
  events_.awaits();
  current_ = make_try(endpoint);
  if (upstream_.endpoints().size() > 1)
    hedge_timer_.set(patience(endpoint.stats(), endpoint.timeouts()));
  current_.request->start();
}

/// The endpoint is late: sends the request to another one too, if the budget allows that.
void ObjectFetch::hedge() {
  Endpoint& late = current_.request->endpoint();
  const auto limit = patience(late.stats(), late.timeouts());
  const auto waited = current_.request->waits().response;
  if (!waited || *waited < limit) {  // it waited in our queue, or for a token
    using std::chrono::milliseconds;
    hedge_timer_.set(waited ? std::chrono::ceil<milliseconds>(limit - *waited) : limit);
    return;
  }
  auto excluded = tally_.tried();
  excluded.push_back(&late);
  Endpoint* const other = upstream_.alternative(bytes_left(), excluded, Upstream::Only::working);
  if (other == nullptr || !upstream_.take_hedge()) return;
  other->metrics().hedges().add();
  hedge_ = make_try(*other);
  hedge_.request->start();
}

ObjectFetch::Try ObjectFetch::make_try(Endpoint& endpoint) {
  RequestSink& self = *this;
  const RequestedPart part = part_for(endpoint);
  const bool validated = validator_.endpoint == &endpoint;
  RequestSpec spec = object_spec(request_, part, endpoint.address(), waiters_,
                                 validated ? std::string_view(validator_.etag) : "");
  return {.request = std::make_unique<EndpointRequest>(endpoint, std::move(spec), self),
          .part = part};
}

RequestedPart ObjectFetch::part_for(Endpoint& endpoint) const {
  // A manifest is small and a tag moves: it is not resumed. A blob resumes where the last body
  // broke; after a body that began again that may be before delivered().
  RequestedPart part{.begin = manifest() && head_reported_ ? 0 : progress_.next()};
  if (!request_.head) {
    part.ranged = part.begin > 0 || request_.end;
    return part;
  }
  part.instead_of_head =
      head_reported_ || head_refused_by_ == &endpoint ||
      endpoint.heads().refused(request_.resource, std::chrono::steady_clock::now());
  // No range of an empty blob can be satisfied; all of it is no more than a head.
  part.ranged = part.instead_of_head && !request_.or_get && !is_empty_blob(request_.reference);
  return part;
}

Disposition ObjectFetch::on_head(EndpointRequest& request, const ResponseHead& head) {
  Try& answered = try_of(request);
  const auto judged = place_of(head, answered.part, request_);
  if (const auto* why = std::get_if<std::string>(&judged)) {
    reject(request, *why);
    return Disposition::abort;
  }
  const auto& place = std::get<ObjectPlace>(judged);
  if (const auto why = progress_.refuse(place)) {
    reject(request, *why);
    return Disposition::abort;
  }
  const bool by_get = answered.part.instead_of_head;
  if (by_get && head_refused_by_ == &request.endpoint())
    request.endpoint().heads().refuses(request_.resource, std::chrono::steady_clock::now());
  // completed() requests the missing size of a blob by GET.
  if (request_.head && !manifest() && !by_get && !place.total) return Disposition::discard;
  use(answered, place, head);
  const Disposition disposition =
      by_get && !request_.or_get ? Disposition::discard : Disposition::deliver;
  if (std::exchange(head_reported_, true)) {
    sink_.on_endpoint(request.endpoint().label());
    return disposition;
  }
  tally_.answered();
  cache::FetchHead described = describe(request_, current_.part, head, place);
  described.endpoint = request.endpoint().label();
  described.near_mirror = is_near_mirror(request.endpoint());
  sink_.on_head(described);
  return disposition;
}

/// The first response is used; the other request is cancelled.
void ObjectFetch::use(Try& winner, const ObjectPlace& place, const ResponseHead& head) {
  hedge_timer_.cancel();
  if (&winner == &hedge_) {
    events_.wins(current_.request->endpoint(), hedge_.request->endpoint());
    std::swap(current_, hedge_);
  }
  events_.answered(current_.request->endpoint(), current_.request->waits().queue);
  if (hedge_.request != nullptr) {
    const auto now = std::chrono::steady_clock::now();
    if (const auto waited = hedge_.request->waits().response)
      hedge_.request->endpoint().stats().lost_race(*waited, now);
    hedge_ = {};
  }
  phase_.enter(FetchPhase::delivering);
  progress_.begin(place);
  const bool strong = head.etag.starts_with('"');
  validator_ = {.etag = strong ? head.etag : std::string(),
                .endpoint = strong ? &current_.request->endpoint() : nullptr};
}

void ObjectFetch::reject(EndpointRequest& request, std::string_view why) {
  try_of(request).rejection = bad_answer(what(request.endpoint()), why);
}

std::uint64_t ObjectFetch::bytes_left() const {
  if (request_.head) return 0;
  if (manifest()) return usual_manifest;
  return progress_.left().value_or(usual_layer);
}

bool ObjectFetch::on_data(EndpointRequest& request, std::span<const std::byte> data) {
  const ObjectProgress::Piece piece = progress_.take(data);
  if (!piece.why.empty()) {
    reject(request, piece.why);
    return false;
  }
  request.endpoint().metrics().bytes().add(piece.data.size());
  return sink_.on_data(piece.offset, piece.data) && !piece.last;
}

void ObjectFetch::on_end(EndpointRequest& request, RequestResult result) {
  if (result.kind == RequestResult::Kind::complete) return completed(request);
  if (result.kind == RequestResult::Kind::stopped) return stopped(request);
  // It broke behind the last wanted byte.
  if (head_reported_ && request_.end && progress_.delivered() >= *progress_.wanted_end())
    return finish(std::nullopt);
  failed(request, result.failure);
}

void ObjectFetch::completed(EndpointRequest& request) {
  if (request_.head && !head_reported_) return get_instead(request.endpoint(), try_of(request));
  const auto end = progress_.wanted_end();
  if (request_.head || !end || progress_.next() >= *end) return finish(std::nullopt);
  // A 206 may hold less than the requested range; libcurl reports a short 200 as broken.
  const TransferEnd cut{.kind = TransferEnd::Kind::unreachable,
                        .reason = EndpointFailure::reset,
                        .detail = "the answer ended before the object did"};
  failed(request, {.failure = transport_failure(what(request.endpoint()), cut),
                   .reason = cut.reason,
                   .retryable = true});
}

void ObjectFetch::stopped(EndpointRequest& request) {
  if (progress_.overrun()) return finish(std::nullopt);
  request.endpoint().metrics().failure(EndpointFailure::bad_upstream);
  if (const auto& rejection = try_of(request).rejection) {
    // Without the object, which is another one each time.
    const std::string prefix = what(request.endpoint()) + ": ";
    request.endpoint().trouble().failed(EndpointFailure::bad_upstream,
                                        std::string_view(rejection->message).substr(prefix.size()));
    return failed(request, {.failure = *rejection, .reason = EndpointFailure::bad_upstream});
  }
  // The sink accepts no more, and no other endpoint has other bytes for it.
  finish(bad_answer(what(request.endpoint()),
                    "sent other bytes than before, or than the cache can take"));
}

/// A request ended without what it was sent for.
void ObjectFetch::failed(EndpointRequest& request, const RequestFailure& failure) {
  if (failure.failure.given_up && hedge_.request == nullptr) {
    hedge_timer_.cancel();
    return finish(failure.failure);
  }
  Try& ended = try_of(request);
  const bool of_token =
      failure.reason == EndpointFailure::token;  // the status is the token server's
  if (request_.head && !ended.part.instead_of_head && !of_token &&
      may_refuse_head(request_.resource, failure.failure.status))
    return get_instead(request.endpoint(), ended);
  if (resumes_.progressed(progress_.delivered())) tally_.answered();
  tally_.add(request.endpoint(), failure);
  events_.failed(request.endpoint(), failure.reason);
  if (hedge_.request != nullptr) {  // the other one goes on
    if (&ended == &current_) {
      events_.goes_on(current_.request->endpoint(), hedge_.request->endpoint());
      std::swap(current_, hedge_);
    }
    hedge_ = {};
    return;
  }
  hedge_timer_.cancel();
  if ((head_reported_ || request_.size) && !request_.head) {
    resume();
  } else {
    retry();
  }
}

void ObjectFetch::retry() {
  if (upstream_.alternative(bytes_left(), tally_.tried(), Upstream::Only::open) != nullptr)
    return wait(std::chrono::milliseconds(0));
  const auto delay =
      tally_.round_wait(retry_, request_.patient && cache::is_awaited(request_.demand),
                        std::chrono::steady_clock::now());
  if (!delay) return finish(tally_.failure());
  tally_.next_round();
  wait(*delay);
}

void ObjectFetch::resume() {
  const auto circuit = tally_.circuit_wait();
  const bool again = tally_.worth_another_round() || circuit;
  const bool other =
      upstream_.alternative(bytes_left(), tally_.tried(), Upstream::Only::open) != nullptr;
  if ((!again && !other) || !resumes_.take()) {
    auto failure = tally_.failure();
    // An endpoint that lacks an object of which a part has arrived proves nothing about it.
    if (std::exchange(failure.doubtful, false)) failure.kind = cache::FailureKind::unavailable;
    return finish(failure);
  }
  upstream_.fills_resumed().add();
  if (head_reported_) events_.resumes();
  if (other) return wait(std::chrono::milliseconds(0));
  tally_.next_round();
  wait(resumes_.wait(upstream_.timeouts(), circuit));
}

void ObjectFetch::wait(std::chrono::milliseconds delay) {
  phase_.enter(FetchPhase::waiting);
  events_.awaits();
  timer_.set(delay);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the sink may destroy this, and its failures
void ObjectFetch::finish(std::optional<cache::Failure> failure) {
  phase_.enter(FetchPhase::done);
  sink_.on_done(failure);
}

/// Moves the rest of the body from an endpoint that has become slow to a much faster one.
void ObjectFetch::on_second(EndpointRequest& request, double rate) {
  events_.second(rate > 0);
  if (request_.head || manifest() || request_.one_endpoint || moves_.exhausted()) return;
  const std::uint64_t left = bytes_left();
  auto excluded = tally_.tried();
  excluded.push_back(&request.endpoint());
  Endpoint* const other = upstream_.alternative(left, excluded, Upstream::Only::working);
  const double elsewhere = other == nullptr ? -1 : upstream_.expected_seconds(*other, left);
  if (!moves_.second(rate, left, elsewhere)) return;
  log::debug("{} is slow ({:.0f} KiB/s); the rest is asked of {}", what(request.endpoint()),
             rate / 1024, other->label());
  events_.is_slow();
  attempt(*other);
}

/// Sends a GET to the same endpoint: some registries refuse HEAD, and some signed URLs are valid
/// for GET only (ghcr.io, S3).
void ObjectFetch::get_instead(Endpoint& endpoint, Try& place) {
  phase_.enter(FetchPhase::requesting);
  head_refused_by_ = &endpoint;
  place = make_try(endpoint);
  place.request->start();
}

std::string ObjectFetch::what(const Endpoint& endpoint) const {
  return upstream_.name() + ": " + endpoint.label() + ": " + request_.repository + " " +
         request_.reference;
}

}  // namespace entrepot::upstream
