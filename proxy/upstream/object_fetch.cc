// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/object_fetch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "metrics/log.h"
#include "proxy/base/text.h"
#include "proxy/upstream/transfer/failures.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

/// Longest wait for a circuit to close before a resume is tried all the same.
constexpr std::chrono::milliseconds longest_circuit_wait{std::chrono::seconds(10)};

// What is guessed of an object whose size is not known yet.
constexpr std::uint64_t usual_manifest = 4096;
constexpr std::uint64_t usual_layer = 8ULL * 1024 * 1024;

// A body moves to another endpoint where that is this much faster, for so many seconds in a row,
// and where more than this many seconds are left.
constexpr double moving_factor = 4;
constexpr int seconds_to_move = 2;
constexpr double worth_moving = 3;

/// An endpoint is late once it takes longer than for nearly all of its last answers, and than this.
constexpr double late_share = 0.95;
constexpr std::chrono::milliseconds least_patience{50};

/// How long to wait for the first byte before another endpoint is asked as well.
std::chrono::milliseconds patience(const Endpoint& endpoint) {
  const auto usual = endpoint.knowledge().first_byte_time().percentile(late_share);
  if (!usual) return endpoint.timeouts().patience;
  const auto span = std::chrono::duration<double>(*usual);
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(span), least_patience,
                    std::max(endpoint.timeouts().first_byte, least_patience));
}

bool is_empty_blob(std::string_view reference) {
  const auto digest = cache::Digest::parse(reference);
  return digest && *digest == cache::digest_of(digest->algorithm(), "");
}

metrics::Kind kind_of(cache::Resource resource) {
  return resource == cache::Resource::manifest ? metrics::Kind::manifest : metrics::Kind::blob;
}

}  // namespace

ObjectFetch::ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink)
    : upstream_(upstream),
      request_(std::move(request)),
      sink_(sink),
      clients_{request_.client},
      next_(request_.offset),
      delivered_(request_.offset),
      size_(request_.size),
      verdict_(upstream.endpoints().size()),
      retry_(upstream.limits(), upstream.timeouts(), std::chrono::steady_clock::now(),
             upstream.next_seed()),
      progress_from_(request_.offset),
      random_(upstream.next_seed()),
      timer_(upstream.base(), [this] { attempt(); }),
      hedge_timer_(upstream.base(), [this] { hedge(); }) {
  timer_.set(std::chrono::milliseconds(0));
}

void ObjectFetch::attempt() {
  // What was tried is never all there is: the end would have been told instead.
  attempt(*upstream_.choose(bytes_left(), verdict_.tried()));
}

void ObjectFetch::attempt(Endpoint& endpoint) {
  timer_.cancel();
  answered_ = false;
  slow_seconds_ = 0;
  attempt_ = ask(endpoint);
  if (upstream_.endpoints().size() > 1) hedge_timer_.set(patience(endpoint));
  attempt_->start();
}

/// The endpoint is late: another may be asked as well.
void ObjectFetch::hedge() {
  const auto limit = patience(attempt_->endpoint());
  const auto waited = attempt_->waited();
  if (!waited || *waited < limit) {  // it queued here, or for a token: that is not its fault
    using std::chrono::milliseconds;
    hedge_timer_.set(waited ? std::chrono::ceil<milliseconds>(limit - *waited) : limit);
    return;
  }
  auto excluded = verdict_.tried();
  excluded.push_back(&attempt_->endpoint());
  Endpoint* const other = upstream_.alternative(bytes_left(), excluded, Upstream::Only::working);
  if (other == nullptr || !upstream_.take_hedge()) return;
  other->metrics().hedges().add();
  hedge_ = ask(*other);
  hedge_->start();
}

std::unique_ptr<Attempt> ObjectFetch::ask(Endpoint& endpoint) {
  const std::string path =
      "/v2/" + request_.repository + (manifest() ? "/manifests/" : "/blobs/") + request_.reference;
  const Attempt::Part part = part_for(endpoint);
  AskRequest ask{.kind = kind_of(request_.resource),
                 .head = request_.head && !part.instead_of_head,
                 .repository = request_.repository,
                 .url = endpoint.address(path),
                 .headers = {},
                 .via = request_.via,
                 .clients = clients_,
                 .demand = request_.demand};
  if (manifest()) {
    std::string accept = "Accept: " + std::string(manifest_accept);
    if (!request_.accept.empty()) accept += ", " + request_.accept;
    ask.headers.push_back(accept.append(accept_the_rest));
  }
  if (part.ranged) {
    std::string range = "Range: bytes=" + std::to_string(part.begin) + '-';
    if (part.instead_of_head) {
      range += '0';
    } else if (request_.end) {
      range += std::to_string(*request_.end - 1);
    }
    ask.headers.push_back(std::move(range));
    if (etag_of_ == &endpoint) ask.headers.push_back("If-Range: " + etag_);
  }
  Attempt::Owner& self = *this;
  return std::make_unique<Attempt>(upstream_.base(), endpoint, std::move(ask), part, self);
}

Attempt::Part ObjectFetch::part_for(const Endpoint& endpoint) const {
  // A manifest is small and a tag moves: it is had whole or again.
  // From where the last answer stopped, which may be before what was delivered: one that began anew
  // has broken earlier than the one before it.
  Attempt::Part part{.begin = manifest() && head_told_ ? 0 : next_};
  if (!request_.head) {
    part.ranged = part.begin > 0 || request_.end;
    return part;
  }
  part.instead_of_head =
      head_told_ || head_refused_by_ == &endpoint ||
      endpoint.heads().refused(request_.resource, std::chrono::steady_clock::now());
  // No range of an empty blob can be satisfied; all of it is no more than a head.
  part.ranged = part.instead_of_head && !request_.or_get && !is_empty_blob(request_.reference);
  return part;
}

Disposition ObjectFetch::on_answer(Attempt& attempt, const ResponseHead& head) {
  const auto place = place_of(attempt, head);
  if (!place || !fits(attempt, *place)) return Disposition::abort();
  const bool by_get = attempt.part().instead_of_head;
  if (by_get && head_refused_by_ == &attempt.endpoint())
    attempt.endpoint().heads().refuses(request_.resource, std::chrono::steady_clock::now());
  if (lacks_size(attempt, *place)) return Disposition::discard();
  take(attempt, *place, head);
  const Disposition disposition = by_get && !request_.or_get
                                      ? Disposition::discard()
                                      : Disposition::take(delivery_.emplace(*this, attempt));
  if (head_told_) {
    sink_.on_endpoint(attempt.endpoint().label());
    return disposition;
  }
  head_told_ = true;
  verdict_.answered();
  sink_.on_head(describe(attempt, head, *place));
  return disposition;
}

/// The first answer is the one that counts; who else was asked is told to stop.
void ObjectFetch::take(Attempt& winner, const Place& place, const ResponseHead& head) {
  hedge_timer_.cancel();
  if (&winner == hedge_.get()) attempt_.swap(hedge_);
  if (hedge_ != nullptr) {
    // It takes longer than this, at least.
    const auto now = std::chrono::steady_clock::now();
    if (const auto waited = hedge_->waited())
      hedge_->endpoint().knowledge().lost_race(*waited, now);
    hedge_.reset();
  }
  answered_ = true;
  next_ = place.begin;
  if (!size_) size_ = place.total;
  etag_of_ = head.etag.starts_with('"') ? &winner.endpoint() : nullptr;
  if (etag_of_ != nullptr) etag_ = head.etag;
}

std::optional<ObjectFetch::Place> ObjectFetch::place_of(Attempt& attempt,
                                                        const ResponseHead& head) const {
  if (head.status == 200) {
    // Some registries answer HEAD as if there were nothing.
    const bool empty =
        head.content_length == 0 && request_.head && !is_empty_blob(request_.reference);
    return Place{.begin = 0, .total = empty ? std::nullopt : head.content_length};
  }
  if (head.status == 206) return part_of(attempt, head);
  reject(attempt, "answered " + std::to_string(head.status) + " where an object was expected");
  return std::nullopt;
}

std::optional<ObjectFetch::Place> ObjectFetch::part_of(Attempt& attempt,
                                                       const ResponseHead& head) const {
  const auto range = parse_content_range(head.content_range);
  const auto& asked = attempt.part();
  if (!asked.ranged || !range || !range->part || range->part->first != asked.begin) {
    reject(attempt, "answered 206 with another range than the one asked for");
    return std::nullopt;
  }
  return Place{.begin = asked.begin, .total = range->total};
}

bool ObjectFetch::fits(Attempt& attempt, const Place& place) const {
  if (place.total && request_.max_size > 0 && *place.total > request_.max_size) {
    reject(attempt, "announces " + std::to_string(*place.total) +
                        " bytes, more than the limit of " + std::to_string(request_.max_size));
    return false;
  }
  if (place.total && size_ && *place.total != *size_) {
    reject(attempt, "announces " + std::to_string(*place.total) + " bytes where it was " +
                        std::to_string(*size_) + " before");
    return false;
  }
  return true;
}

cache::FetchHead ObjectFetch::describe(const Attempt& attempt, const ResponseHead& head,
                                       const Place& place) const {
  cache::FetchHead described;
  described.size = place.total;
  described.media_type = parse_media_type(head.content_type);
  if (manifest() && !is_manifest_type(described.media_type)) described.media_type.clear();
  described.digest = cache::Digest::parse(head.docker_content_digest);
  described.endpoint = attempt.endpoint().label();
  described.from_beginning = attempt.part().ranged && head.status == 200;
  described.with_body = attempt.part().instead_of_head && request_.or_get;
  described.near_mirror = attempt.endpoint().near_mirror();
  return described;
}

std::optional<std::uint64_t> ObjectFetch::wanted_end() const {
  return request_.end && (!size_ || *request_.end < *size_) ? request_.end : size_;
}

std::uint64_t ObjectFetch::bytes_left() const {
  if (request_.head) return 0;
  if (manifest()) return usual_manifest;
  const auto end = wanted_end();
  if (!end) return usual_layer;
  return *end - std::min(*end, next_);
}

bool ObjectFetch::deliver(Attempt& attempt, std::span<const std::byte> data) {
  attempt.count(data.size());
  const std::uint64_t offset = next_;
  if (request_.end && offset + data.size() > *request_.end) {
    complete_ = true;  // it sends more than was asked for
    data = data.first(*request_.end - std::min(offset, *request_.end));
  }
  next_ += data.size();
  if (request_.max_size > 0 && next_ > request_.max_size) {
    reject(attempt, "sends more than the limit of " + std::to_string(request_.max_size) + " bytes");
    return false;
  }
  if (size_ && next_ > *size_) {
    reject(attempt, "sends more than the " + std::to_string(*size_) + " bytes it announced");
    return false;
  }
  delivered_ = std::max(delivered_, next_);
  attempt.endpoint().metrics().bytes().add(data.size());
  const bool more = !complete_;
  return sink_.on_data(offset, data) && more;
}

void ObjectFetch::on_whole(Attempt& attempt) {
  if (request_.head && !head_told_) return get_instead(attempt);  // see lacks_size()
  const auto end = wanted_end();
  if (request_.head || !end || next_ >= *end) return sink_.on_done(std::nullopt);
  // A 206 may bring less than was asked for; a shorter 200 does not get here.
  const TransferEnd cut{.kind = TransferEnd::Kind::unreachable,
                        .reason = "reset",
                        .detail = "the answer ended before the object did"};
  lost(attempt,
       {.failure = transport_failure(what(attempt), cut), .reason = cut.reason, .retryable = true});
}

void ObjectFetch::on_stopped(Attempt& attempt) {
  if (complete_) return sink_.on_done(std::nullopt);
  attempt.endpoint().metrics().failure("bad-upstream");
  if (!attempt.rejection()) {
    // It is the sink that takes no more: nobody else has other bytes for it.
    const auto failure =
        bad_answer(what(attempt), "sent other bytes than before, or than the cache can take");
    return sink_.on_done(failure);
  }
  lost(attempt, {.failure = *attempt.rejection(), .reason = "bad-upstream"});
}

void ObjectFetch::on_failure(Attempt& attempt, AskFailure failure) {
  // It broke behind the last byte of the piece.
  if (head_told_ && request_.end && delivered_ >= *wanted_end()) return sink_.on_done(std::nullopt);
  lost(attempt, failure);
}

void ObjectFetch::wanted_by(cache::Client client) {
  if (std::ranges::find(clients_, client) == clients_.end() &&
      clients_.size() < TransferRequest::most_clients)
    clients_.push_back(client);
  if (attempt_ && !answered_) attempt_->wanted_by(client);
}

/// An attempt has ended without what was asked for.
void ObjectFetch::lost(Attempt& attempt, const AskFailure& failure) {
  if (failure.failure.given_up && hedge_ == nullptr) {
    hedge_timer_.cancel();
    return sink_.on_done(failure.failure);
  }
  const bool of_token = failure.reason == "token";  // whose server's status it is
  if (request_.head && !attempt.part().instead_of_head && !of_token &&
      may_refuse_head(request_.resource, failure.failure.status))
    return get_instead(attempt);
  if (delivered_ - progress_from_ >= upstream_.limits().resume_progress) {
    progress_from_ = delivered_;
    resumes_ = 0;
    verdict_.answered();
  }
  verdict_.add(attempt.endpoint(), failure);
  if (hedge_ != nullptr) {  // the other one goes on
    if (&attempt == attempt_.get()) attempt_.swap(hedge_);
    hedge_.reset();
    return;
  }
  hedge_timer_.cancel();
  if ((head_told_ || request_.size) && !request_.head) {
    resume();
  } else {
    ask_again();
  }
}

void ObjectFetch::ask_again() {
  if (upstream_.alternative(bytes_left(), verdict_.tried(), Upstream::Only::open) != nullptr) {
    timer_.set(std::chrono::milliseconds(0));
    return;
  }
  const auto wait =
      verdict_.round_wait(retry_, request_.patient && cache::is_awaited(request_.demand),
                          std::chrono::steady_clock::now());
  if (!wait) return sink_.on_done(verdict_.failure());
  verdict_.next_round();
  timer_.set(*wait);
}

void ObjectFetch::resume() {
  const Limits& limits = upstream_.limits();
  const auto circuit = verdict_.circuit_wait();
  const bool again = verdict_.worth_another_round() || circuit;
  const bool other =
      upstream_.alternative(bytes_left(), verdict_.tried(), Upstream::Only::open) != nullptr;
  const auto most = limits.resumes * static_cast<int>(upstream_.endpoints().size());
  if ((!again && !other) || ++resumes_ > most) {
    auto failure = verdict_.failure();
    // One that lacks it says nothing about an object of which a part has come.
    if (std::exchange(failure.doubtful, false)) failure.kind = cache::FailureKind::unavailable;
    return sink_.on_done(failure);
  }
  upstream_.fills_resumed().add();
  if (other) return timer_.set(std::chrono::milliseconds(0));
  auto wait = backoff_delay(resumes_, upstream_.timeouts().backoff_first,
                            upstream_.timeouts().backoff_longest, random_);
  if (circuit) wait = std::max(wait, std::min(*circuit, longest_circuit_wait));
  verdict_.next_round();
  timer_.set(wait);
}

/// Leaves an endpoint that has become slow for one that would have the rest much sooner.
void ObjectFetch::on_second(Attempt& attempt, double rate) {
  if (request_.head || manifest() || request_.one_endpoint || moves_ >= upstream_.limits().moves)
    return;
  const std::uint64_t left = bytes_left();
  const double here = static_cast<double>(left) / std::max(rate, 1.0);
  auto excluded = verdict_.tried();
  excluded.push_back(&attempt.endpoint());
  Endpoint* const other = upstream_.alternative(left, excluded, Upstream::Only::working);
  const bool slow = other != nullptr && here > worth_moving &&
                    here > moving_factor * upstream_.expected_seconds(*other, left);
  slow_seconds_ = slow ? slow_seconds_ + 1 : 0;
  if (slow_seconds_ < seconds_to_move) return;
  ++moves_;
  log::debug("{} is slow ({:.0f} KiB/s); the rest is asked of {}", what(attempt), rate / 1024,
             other->label());
  this->attempt(*other);
}

/// The answer to the HEAD of a blob lacks its size, so that GET has to tell it.
bool ObjectFetch::lacks_size(const Attempt& attempt, const Place& place) const {
  return request_.head && !manifest() && !attempt.part().instead_of_head && !place.total;
}

/// Asks the same endpoint by GET, which registries without HEAD answer, and signed URLs that are
/// valid for GET only (ghcr.io, S3).
void ObjectFetch::get_instead(Attempt& attempt) {
  Endpoint& endpoint = attempt.endpoint();
  auto& place = &attempt == hedge_.get() ? hedge_ : attempt_;
  head_refused_by_ = &endpoint;
  place = ask(endpoint);
  place->start();
}

void ObjectFetch::reject(Attempt& attempt, std::string_view why) const {
  attempt.reject(bad_answer(what(attempt), why));
}

std::string ObjectFetch::what(const Attempt& attempt) const {
  return upstream_.name() + ": " + attempt.endpoint().label() + ": " + request_.repository + " " +
         request_.reference;
}

}  // namespace entrepot::upstream
