// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/object_fetch.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/failures.h"
#include "proxy/upstream/media_type.h"
#include "proxy/upstream/text.h"

namespace entrepot::upstream {
namespace {

/// Longest wait for a circuit to close before a resume is tried all the same.
constexpr std::chrono::milliseconds longest_circuit_wait{std::chrono::seconds(4)};

metrics::Kind kind_of(cache::Resource resource) {
  return resource == cache::Resource::manifest ? metrics::Kind::manifest : metrics::Kind::blob;
}

}  // namespace

ObjectFetch::ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink)
    : upstream_(upstream),
      request_(std::move(request)),
      sink_(sink),
      next_(request_.offset),
      delivered_(request_.offset),
      retry_(upstream.limits(), upstream.timeouts(), std::chrono::steady_clock::now(),
             upstream.next_seed()),
      progress_from_(request_.offset),
      random_(upstream.next_seed()),
      timer_(upstream.base(), [this] { attempt(); }) {
  timer_.set(std::chrono::milliseconds(0));
}

void ObjectFetch::attempt() {
  endpoint_ = &upstream_.choose_endpoint();
  rejection_.reset();
  AskSink& self = *this;
  ask_ = std::make_unique<Ask>(*endpoint_, next_request(), self);
  ask_->start();
}

AskRequest ObjectFetch::next_request() {
  const std::string path =
      "/v2/" + request_.repository + (manifest() ? "/manifests/" : "/blobs/") + request_.reference;
  AskRequest ask{.kind = kind_of(request_.resource),
                 .head = request_.head && !probing_,
                 .repository = request_.repository,
                 .url = endpoint_->address(path),
                 .headers = {}};
  if (manifest()) ask.headers.push_back("Accept: " + std::string(manifest_accept));
  // A manifest is small and a tag moves: it is had whole or again.
  // From where the last answer stopped, which may be before what was delivered: one that began anew
  // has broken earlier than the one before it.
  asked_ = manifest() && head_told_ ? 0 : next_;
  ranged_ = probing_ || (!request_.head && (asked_ > 0 || request_.end));
  if (!ranged_) return ask;
  std::string range = "Range: bytes=" + std::to_string(asked_) + '-';
  if (probing_ || request_.end) range += std::to_string(probing_ ? 0 : *request_.end - 1);
  ask.headers.push_back(std::move(range));
  if (!probing_ && !etag_.empty()) ask.headers.push_back("If-Range: " + etag_);
  return ask;
}

Disposition ObjectFetch::on_answer(const ResponseHead& head) {
  const auto place = place_of(head);
  if (!place || !fits(*place)) return Disposition::abort;
  next_ = place->begin;
  if (!size_) size_ = place->total;
  if (head.etag.starts_with('"')) etag_ = head.etag;
  const Disposition disposition = probing_ ? Disposition::discard : Disposition::take;
  if (head_told_) return disposition;
  head_told_ = true;
  sink_.on_head(describe(head, *place));
  return disposition;
}

std::optional<ObjectFetch::Place> ObjectFetch::place_of(const ResponseHead& head) {
  if (head.status == 200) return Place{.begin = 0, .total = head.content_length};
  if (head.status == 206) return part_of(head);
  reject("answered " + std::to_string(head.status) + " where an object was expected");
  return std::nullopt;
}

std::optional<ObjectFetch::Place> ObjectFetch::part_of(const ResponseHead& head) {
  const auto range = parse_content_range(head.content_range);
  if (!ranged_ || !range || !range->part || range->part->first != asked_) {
    reject("answered 206 with another range than the one asked for");
    return std::nullopt;
  }
  return Place{.begin = asked_, .total = range->total};
}

bool ObjectFetch::fits(const Place& place) {
  if (place.total && request_.max_size > 0 && *place.total > request_.max_size) {
    reject("announces " + std::to_string(*place.total) + " bytes, more than the limit of " +
           std::to_string(request_.max_size));
    return false;
  }
  if (place.total && size_ && *place.total != *size_) {
    reject("announced " + std::to_string(*size_) + " bytes and now " +
           std::to_string(*place.total));
    return false;
  }
  return true;
}

cache::FetchHead ObjectFetch::describe(const ResponseHead& head, const Place& place) const {
  cache::FetchHead described;
  described.size = place.total;
  described.media_type = parse_media_type(head.content_type);
  if (manifest() && !is_manifest_type(described.media_type)) described.media_type.clear();
  described.digest = cache::Digest::parse(head.docker_content_digest);
  described.endpoint = endpoint_->label();
  described.from_beginning = ranged_ && head.status == 200;
  return described;
}

std::optional<std::uint64_t> ObjectFetch::wanted_end() const {
  return request_.end && (!size_ || *request_.end < *size_) ? request_.end : size_;
}

bool ObjectFetch::on_body(std::span<const std::byte> data) {
  const std::uint64_t offset = next_;
  if (request_.end && offset + data.size() > *request_.end) {
    complete_ = true;  // it sends more than was asked for
    data = data.first(*request_.end - std::min(offset, *request_.end));
  }
  next_ += data.size();
  if (request_.max_size > 0 && next_ > request_.max_size) {
    reject("sends more than the limit of " + std::to_string(request_.max_size) + " bytes");
    return false;
  }
  if (size_ && next_ > *size_) {
    reject("sends more than the " + std::to_string(*size_) + " bytes it announced");
    return false;
  }
  delivered_ = std::max(delivered_, next_);
  endpoint_->metrics().bytes().add(data.size());
  const bool more = !complete_;
  return sink_.on_data(offset, data) && more;
}

void ObjectFetch::on_whole() {
  const auto end = wanted_end();
  if (!request_.head && end && next_ < *end) {
    // A 206 may bring less than was asked for; a shorter 200 does not get here.
    const TransferEnd cut{.kind = TransferEnd::Kind::unreachable,
                          .reason = "reset",
                          .detail = "the answer ended before the object did"};
    AskFailure failure;
    failure.failure = transport_failure(what(), cut);
    failure.retryable = true;
    resume(std::move(failure));
    return;
  }
  sink_.on_done(std::nullopt);
}

void ObjectFetch::on_stopped() {
  if (complete_) return sink_.on_done(std::nullopt);
  if (!rejection_) reject("sent other bytes than before, or than the cache can take");
  endpoint_->metrics().failure("bad-upstream");
  const cache::Failure failure = *rejection_;
  sink_.on_done(failure);
}

void ObjectFetch::on_failure(AskFailure failure) {
  // It broke behind the last byte of the piece.
  if (head_told_ && request_.end && delivered_ >= *wanted_end()) return sink_.on_done(std::nullopt);
  if (head_told_ && !request_.head) {
    resume(std::move(failure));
    return;
  }
  if (size_by_get(failure)) return;
  if (failure.retryable) {
    if (const auto wait = retry_.failed(std::chrono::steady_clock::now())) {
      timer_.set(*wait);
      return;
    }
  }
  sink_.on_done(failure.failure);
}

void ObjectFetch::resume(AskFailure failure) {
  const bool circuit_open =
      failure.reason.empty() && failure.failure.kind == cache::FailureKind::unavailable;
  if (delivered_ - progress_from_ >= upstream_.limits().resume_progress) {
    progress_from_ = delivered_;
    resumes_ = 0;
  }
  const bool again = failure.retryable || circuit_open;
  if (!again || ++resumes_ > upstream_.limits().resumes) {
    sink_.on_done(failure.failure);
    return;
  }
  upstream_.fills_resumed().add();
  auto wait = backoff_delay(resumes_, upstream_.timeouts().backoff_first,
                            upstream_.timeouts().backoff_longest, random_);
  if (circuit_open) {
    wait = std::max(wait, std::min<std::chrono::milliseconds>(failure.failure.retry_after,
                                                              longest_circuit_wait));
  }
  timer_.set(wait);
}

/// Where redirects are signed for GET only (ghcr.io, S3), a HEAD is refused behind them: the size
/// comes from a GET of one byte then (protocol.md §3.2).
bool ObjectFetch::size_by_get(const AskFailure& failure) {
  const int status = failure.failure.status;
  if (!request_.head || probing_ || !failure.from_redirect) return false;
  if (status < 400 || status == 404 || status == 429) return false;
  if (status >= 500 && status != 501) return false;
  probing_ = true;
  timer_.set(std::chrono::milliseconds(0));
  return true;
}

void ObjectFetch::reject(std::string_view why) { rejection_ = bad_answer(what(), why); }

std::string ObjectFetch::what() const {
  return upstream_.name() + ": " + endpoint_->label() + ": " + request_.repository + " " +
         request_.reference;
}

}  // namespace entrepot::upstream
