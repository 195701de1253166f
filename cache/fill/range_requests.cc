// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/range_requests.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "cache/fill/rules/grains.h"

namespace entrepot::cache {
namespace {

/// Shorter blobs are fetched whole: the rest costs less than another request. Bytes.
constexpr std::uint64_t always_whole = 1 << 20;
/// The transfer in order is about to deliver a range that begins so close to its front. Bytes.
constexpr std::uint64_t near = 4 << 20;
/// Ranges with so little between them are fetched as one. Bytes.
constexpr std::uint64_t closed_gap = grain;
/// Most transfers for one request; the closest of its ranges are fetched as one beyond that. One
/// request of a client must not cause a thousand of the upstream.
constexpr std::size_t max_ranges = 64;
/// Without a request for so long, the file is left to the next fill.
constexpr std::chrono::seconds idle_time{10};

using Waiting = std::vector<std::pair<ObjectRequest, Outcome>>;

/// As add_waiting().
void add(Waiting& waiting, const ObjectRequest& request, Outcome outcome) {
  constexpr std::size_t min_size = 64;
  if (waiting.size() >= min_size && std::has_single_bit(waiting.size()))
    std::erase_if(waiting, [](const auto& one) { return !one.first.reply.awaited(); });
  waiting.emplace_back(request, outcome);
}

AnswerReason reason_for_ranges(const BlobTransfers& transfers) {
  return transfers.whole() ? AnswerReason::range_whole : AnswerReason::range;
}

}  // namespace

// ---- Before the size is known

void RangeRequests::begin() {
  if (file_.partial()) {
    file_.set_size(file_.partial()->size);
    claimed_ = file_.partial()->extents.bytes();
    if (file_.resume(claimed_)) {
      transfers_.ranges();
      fill_.opened(file_.growing_content());
      return rest_if_idle();
    }
    file_.forget_partial();
    file_.set_size(std::nullopt);
  }
  const auto& first = subject_.first_range;
  if (!first) return request_size();
  // One transfer, whose answer names the size and so the end of the other ranges.
  transfers_.ranges().fetch({first->begin, std::min(first->end, first->begin + max_range - grain)});
}

void RangeRequests::request_size() {
  auto head = subject_.request();
  head.head = true;
  size_request_ = subject_.source.fetch(std::move(head), *this);
}

void RangeRequests::on_head(const FetchHead& head) {
  subject_.home.assert_in_thread();
  subject_.note_head(head);
  // If a range was requested before, the upstream has refused it. When it lies within the blob, the
  // upstream has no right answer to ranges.
  const auto& first = subject_.first_range;
  const bool refused_within = first && head.size && first->begin < *head.size;
  open(head, head.from_beginning || refused_within);
}

void RangeRequests::on_done(const std::optional<Failure>& failure) {
  subject_.home.assert_in_thread();
  size_request_.reset();
  if (!failure || file_.is_readable()) return;
  // Some registries let no client ask for the size alone.
  if (failure->kind == FailureKind::bad_upstream || failure->kind == FailureKind::denied)
    return fill_.restart(FillBody::Owner::Attempt::same);
  fill_.fail(*failure, FillBody::Bytes::kept);
}

/// The first answer of the upstream: opens the file, or has all of the blob fetched if ranges are
/// not the way.
void RangeRequests::open(const FetchHead& head, bool ranges_ignored) {
  const auto fill = fill_.shared_from_this();
  const bool whole =
      std::ranges::any_of(fill_.waiting(), [](const auto& request) { return request.wants_all(); });
  subject_.ranges_ignored = ranges_ignored;
  if (whole || ranges_ignored || !head.size || *head.size <= always_whole)
    return fill_.restart(FillBody::Owner::Attempt::same);
  file_.set_size(head.size);
  claimed_ = grain;
  if (const auto& first = subject_.first_range) {
    const Span range{first->begin, std::min(first->end, first->begin + max_range)};
    claimed_ = std::min(*head.size, grains(range).length());
  }
  if (!file_.create_for_ranges(claimed_)) return fill_.restart(FillBody::Owner::Attempt::same);
  upstream_answered_ = !size_request_;
  transfers_.ranges();
  fill_.opened(file_.growing_content());
  subject_.prove_link();
  rest_if_idle();
}

// ---- Transfers

void RangeRequests::on_range_head(const FetchHead& head) {
  subject_.note_head(head);
  if (!file_.is_readable()) return open(head, head.from_beginning);
  if (head.size && head.size != file_.size())
    return fill_.fail(another_size(), FillBody::Bytes::discarded);
  head.from_beginning ? without_ranges() : upstream_answered();
}

std::optional<Failure> RangeRequests::on_range_data(std::uint64_t offset,
                                                    std::span<const std::byte> data) {
  const auto size = *file_.size();
  if (offset > size || data.size() > size - offset)
    return Failure{FailureKind::bad_upstream, "the upstream's piece is longer than the blob"};
  if (!transfers_.whole() && file_->writer().differs(offset, data)) {
    refusal_ = Failure{FailureKind::bad_upstream, "a piece came again with other bytes"};
    return refusal_;
  }
  if (!file_->put(offset, data))
    return Failure{FailureKind::store, "the cache directory cannot be written"};
  if (parallel_.active() && !transfers_.in_order() && offset <= file_->arrived())
    file_->pass_over();
  return std::nullopt;
}

void RangeRequests::on_range_done(const std::optional<Failure>& failure) {
  const auto fill = fill_.shared_from_this();
  if (refusal_) return fill_.fail(*refusal_, FillBody::Bytes::discarded);
  if (failure && failure->given_up) return fill_.fail(*failure, FillBody::Bytes::kept);
  if (failure) return range_failed(*failure);
  if (transfers_.whole()) {
    if (!transfers_.in_order()) return body_.go_on();
    if (parallel_.active() && transfers_.has_ranges()) parallel_.request_segments();
    return;
  }
  if (transfers_.scope().is(FetchScope::ranges) &&
      file_->writer().extents().bytes() >= *file_.size() / 2) {
    if (fetch_whole()) return;
    transfers_.scope().enter(FetchScope::only_ranges);
  }
  rest_if_idle();
}

void RangeRequests::range_failed(const Failure& failure) {
  parallel_.stay_with_one();
  const bool bad = failure.kind == FailureKind::bad_upstream;
  if (transfers_.whole() && file_.is_readable() && !bad && !transfers_.ranges_idle()) {
    // The transfer in order delivers the missing bytes; the others go on.
    if (!transfers_.in_order()) body_.go_on();
    return;
  }
  transfers_.end_ranges();
  // The range lies behind the end, or the upstream has no right answer to ranges: the size shows.
  if (bad) return file_.is_readable() ? without_ranges() : request_size();
  if (!transfers_.whole()) return fill_.fail(failure, FillBody::Bytes::kept);
  if (!transfers_.in_order()) body_.go_on();
}

/// The upstream has answered ranges before. All of the blob is fetched in order, then; if it must
/// not be stored, by another fill for the requests that have had no answer.
void RangeRequests::without_ranges() {
  const auto fill = fill_.shared_from_this();
  subject_.ranges_ignored = true;
  transfers_.end_ranges();
  parallel_.stay_with_one();
  const bool whole = transfers_.whole();
  if (whole && !transfers_.in_order()) body_.go_on();
  if (whole || fetch_whole()) return;
  auto waiting = take_waiting();
  file_.give_name_up();
  fill_.fail({FailureKind::unavailable,
              "the upstream does not do ranges any more, and all of it may not be kept"},
             FillBody::Bytes::kept);
  for (auto& request : waiting) fill_.route(std::move(request));
}

bool RangeRequests::fetch_whole() {
  if (!file_.named() || !subject_.context.budget.may_hold(*file_.size())) return false;
  rest_timer_.reset();
  transfers_.scope().enter(FetchScope::whole);
  file_->pass_over();
  parallel_.watch();
  body_.go_on();
  size_request_.reset();
  return true;
}

// ---- Requests

void RangeRequests::answer(const ObjectRequest& request) {
  const auto spans = request.wanted.in(*file_.size());
  if (!spans) {  // all of the blob after all
    auto all = request;
    all.wanted = {};
    return fill_.route(std::move(all));
  }
  const auto& available = file_->writer().extents();
  const bool hit = std::ranges::all_of(
      *spans, [&available](const Span& span) { return available.covers(span); });
  auto requested = std::optional<std::uint64_t>(0);
  if (!hit && !subject_.ranges_ignored) {
    const auto ahead = spans->size() == 1 ? read_ahead_.next(spans->front()) : 0;
    requested = reserve_and_fetch(*spans, ahead);
    if (!requested && ahead > 0) requested = reserve_and_fetch(*spans, 0);
  }
  if (!requested) {
    auto again = request;
    if (available.bytes() == 0) again.wanted = {};  // there is no room for this range alone
    step_aside();
    return fill_.route(std::move(again));
  }
  const bool first = fill_.first_answer();
  const auto outcome = hit                         ? Outcome::hit
                       : !first && *requested == 0 ? Outcome::joined
                                                   : Outcome::miss;
  if (hit || upstream_answered_)
    fill_.reply(request, outcome, reason_for_ranges(transfers_), Progress::ReadPolicy::pieces);
  else
    add(waiting_, request, outcome);
  note_served(*spans, request.reply.client());
}

/// Requests the bytes of `spans` that are neither available nor requested, and as many `ahead`.
/// Returns how many bytes that are; nullopt if there is no room for them.
std::optional<std::uint64_t> RangeRequests::reserve_and_fetch(const std::vector<Span>& spans,
                                                              std::uint64_t ahead) {
  RangeFetcher& ranges = transfers_.ranges();
  const bool whole = transfers_.whole();
  std::vector<Span> far;
  std::uint64_t missing = 0;
  for (auto span : joined(spans, closed_gap, max_ranges)) {
    span.end = std::min(span.end + ahead, *file_.size());
    if (whole && span.begin <= file_->arrived() + near) continue;
    missing += ranges.missing(span);
    far.push_back(span);
  }
  if (missing > 0 && !whole && !file_->room().claim(claimed_ + missing)) return std::nullopt;
  claimed_ += missing;
  for (const auto& span : far) ranges.fetch(span);
  return missing;
}

/// If several clients want the same ranges, all of the blob is fetched. If one client requests
/// ranges again, one of them may be wrong: they are fetched again and compared. The proof of the
/// whole blob would say more, but one client must not cause its transfer by requesting a page.
void RangeRequests::note_served(const std::vector<Span>& spans, Client client) {
  const auto verdict = served_.note(spans, client);
  auto& scope = transfers_.scope();
  if (!scope.is(FetchScope::ranges)) return;
  if (verdict == ServedRanges::Verdict::wanted_by_many && !fetch_whole())
    scope.enter(FetchScope::only_ranges);
  if (verdict != ServedRanges::Verdict::check || subject_.ranges_ignored) return;
  RangeFetcher& ranges = transfers_.ranges();
  for (const auto& span : joined(spans, closed_gap, max_ranges)) {
    if (file_->writer().extents().covers(span)) ranges.fetch_again(span);
  }
}

void RangeRequests::upstream_answered() {
  upstream_answered_ = true;
  for (const auto& [request, outcome] : std::exchange(waiting_, {}))
    fill_.reply(request, outcome, reason_for_ranges(transfers_), Progress::ReadPolicy::pieces);
}

bool RangeRequests::awaited() const {
  return std::ranges::any_of(waiting_, [](const auto& one) { return one.first.reply.awaited(); });
}

std::vector<ObjectRequest> RangeRequests::take_waiting() {
  std::vector<ObjectRequest> requests;
  for (auto& [request, outcome] : std::exchange(waiting_, {}))
    requests.push_back(std::move(request));
  return requests;
}

// ---- Rest

void RangeRequests::step_aside() {
  file_.give_name_up();
  rest_if_idle();
}

void RangeRequests::client_joined(Client client) {
  rest_timer_.reset();
  if (size_request_) size_request_->wanted_by(client);
  rest_if_idle();
}

/// No range is being fetched: the file is left to the next fill in a while, or at once if no client
/// can join any more.
void RangeRequests::rest_if_idle() {
  if (transfers_.whole() || !file_.is_readable() || !transfers_.ranges_idle()) return;
  upstream_answered_ = false;
  rest_after(file_.named() ? idle_time : std::chrono::seconds(0));
}

void RangeRequests::rest_after(std::chrono::milliseconds delay) {
  rest_timer_ = subject_.home.after(delay, [this] {
    // The readers have all they need, but the account of the disk must not lose their bytes.
    if (file_->readers().slowest() != ReadPositions::nobody) return rest_after(idle_time);
    transfers_.end_ranges();
    file_.leave(1);
    fill_.rest();
  });
}

void RangeRequests::stop() {
  size_request_.reset();
  rest_timer_.reset();
}

}  // namespace entrepot::cache
