// SPDX-License-Identifier: Apache-2.0
// A fill of which only pieces are wanted, or pieces before the rest.
#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <utility>

#include "cache/fill/fill.h"

namespace entrepot::cache {
namespace {

/// A blob that is no longer than this comes whole: its rest costs less than another request.
constexpr std::uint64_t always_whole = 1 << 20;
/// What arrives in order is waited for where it is so close.
constexpr std::uint64_t near = 4 << 20;
/// Pieces that are so close to each other are one.
constexpr std::uint64_t closed_gap = RangeFetcher::grain;
constexpr std::uint64_t most_ahead = 4 << 20;
/// Of one request, whatever it asks for: the closest are brought as one beyond that, so that a
/// client cannot have a thousand questions put to the upstream by one of its own.
constexpr std::size_t most_pieces = 64;
/// Without a question the file is put down.
constexpr std::chrono::seconds rest_for{10};

}  // namespace

/// With what an earlier fill left, or with the first piece, whose answer tells the size.
void Fill::begin_with_pieces() {
  if (partial_) {
    head_.size = partial_->size;
    claimed_ = partial_->extents.bytes();
    if (resume_file(claimed_)) {
      make_pieces();
      set_growing_content();
      answer_waiters();
      return rest_if_idle();
    }
    forget_partial();
    head_ = {};
  }
  const auto& first = waiting_.front().wanted.first;
  if (!first) return ask_size();
  make_pieces();
  // One transfer, which tells the size; the rest of what is wanted is asked for then, up to there.
  pieces_->want({first->begin,
                 std::min(first->end, first->begin + RangeFetcher::largest - RangeFetcher::grain)});
}

void Fill::ask_size() {
  auto head = request();
  head.head = true;
  fetch_ = source_.fetch(std::move(head), *this);
}

void Fill::make_pieces() {
  Extents there;
  if (file_) {
    there = file_->extents();
    there.add({*head_.size, std::numeric_limits<std::uint64_t>::max()});
  }
  pieces_ = std::make_unique<RangeFetcher>(*this, source_, home_, request(), std::move(there));
}

void Fill::on_piece_head(const FetchHead& head) {
  const auto self = shared_from_this();
  endpoints_.insert(head.endpoint);
  near_mirror_ = head.near_mirror;
  if (content_) {
    if (head.size && head.size != head_.size) return fail(another_size(), Left::goes);
    return head.from_beginning ? without_ranges() : heard();
  }
  const bool whole =
      std::ranges::any_of(waiting_, [](const auto& request) { return request.wants_all(); });
  head_ = head;
  ranges_ignored_ = head.from_beginning || (first_refused_ && first_lies_within());
  if (whole || ranges_ignored_ || !head.size || *head.size <= always_whole || !open_pieces())
    return turn_to_all();
  heard_ = fetch_ == nullptr;
  context_.links.add(repository_, digest_, LinkRecord::Proof::upstream);
  if (!pieces_) make_pieces();
  set_growing_content();
  answer_waiters();
  rest_if_idle();
}

/// It did ranges before. All of it comes in order, then; where it may not be kept, through a fill
/// of those who have had no answer yet.
void Fill::without_ranges() {
  ranges_ignored_ = true;
  pieces_.reset();
  stay_with_one();
  if (all_ && !fetch_) go_on_in_file();
  if (all_ || bring_all()) return;
  auto unheard = std::exchange(unheard_, {});
  give_name_up();
  fail({FailureKind::unavailable,
        "the upstream does not do ranges any more, and all of it may not be kept"});
  for (auto& [request, outcome] : unheard) owner_.fetch(std::move(request));
}

bool Fill::first_lies_within() const {
  const auto& first = waiting_.front().wanted.first;
  return first && head_.size && first->begin < *head_.size;
}

/// As add_waiting().
void Fill::add_unheard(const ObjectRequest& request, Outcome outcome) {
  constexpr std::size_t least = 64;
  if (unheard_.size() >= least && std::has_single_bit(unheard_.size()))
    std::erase_if(unheard_, [](const auto& one) { return !one.first.reply.awaited(); });
  unheard_.emplace_back(request, outcome);
}

/// The upstream has answered.
void Fill::heard() {
  heard_ = true;
  for (const auto& [request, outcome] : std::exchange(unheard_, {}))
    reply_growing(request, outcome, reason_for_pieces(), Progress::ReadPolicy::pieces);
}

bool Fill::open_pieces() {
  const auto& first = waiting_.front().wanted.first;
  claimed_ = RangeFetcher::grain;
  if (first) {
    const Span asked{first->begin, std::min(first->end, first->begin + RangeFetcher::largest)};
    claimed_ = std::min(*head_.size, RangeFetcher::grains(asked).length());
  }
  auto room = context_.budget.reserve(claimed_).reservation;
  if (room) file_ = GrowingFile::create(file_parts(), std::move(room), when_proven());
  if (file_) context_.notes.add(digest_, repository_.upstream);
  return file_ != nullptr;
}

std::optional<Failure> Fill::on_piece(std::uint64_t offset, std::span<const std::byte> data) {
  if (offset > *head_.size || data.size() > *head_.size - offset)
    return Failure{FailureKind::bad_upstream, "the upstream's piece is longer than the blob"};
  if (!all_ && file_->differs(offset, data)) {
    refusal_ = Failure{FailureKind::bad_upstream, "a piece came again with other bytes"};
    return refusal_;
  }
  if (file_->put(offset, data)) {
    if (widened() && !fetch_ && offset <= file_->arrived()) file_->pass_over();
    return std::nullopt;
  }
  return Failure{FailureKind::store, "the cache directory cannot be written"};
}

void Fill::on_piece_done(const std::optional<Failure>& failure) {
  const auto self = shared_from_this();
  if (refusal_) return fail(*refusal_, Left::goes);
  if (failure && failure->given_up) return fail(*failure);
  if (failure) {
    stay_with_one();
    if (all_ && content_ && failure->kind != FailureKind::bad_upstream && !pieces_->idle()) {
      if (!fetch_) go_on_in_file();  // brings what has failed; the others go on
      return;
    }
    pieces_.reset();
    if (failure->kind == FailureKind::bad_upstream) {
      // Nothing lies there, or it has no right answer to a range: the size says.
      first_refused_ = true;
      return content_ ? without_ranges() : ask_size();
    }
    if (!all_) return fail(*failure);
  }
  if (all_) {  // what comes in order brings what has failed, too
    if (!fetch_) return go_on_in_file();
    if (widened() && pieces_) ask_segments();
    return;
  }
  if (!all_refused_ && file_->extents().bytes() >= *head_.size / 2) {
    if (bring_all()) return;
    all_refused_ = true;
  }
  rest_if_idle();
}

/// False where there is no room for all of it, or another fill has its name.
bool Fill::bring_all() {
  if (!ours_ || !context_.budget.may_hold(*head_.size)) return false;
  resting_.reset();
  all_ = true;
  file_->pass_over();
  watch_speed();
  go_on_in_file();
  return true;
}

/// Nothing was answered yet, and pieces are not the way.
void Fill::turn_to_all() {
  fetch_.reset();
  pieces_.reset();
  all_ = true;
  --attempts_;
  start();
}

void Fill::answer_pieces(const ObjectRequest& request) {
  const auto spans = request.wanted.in(*head_.size);
  if (!spans) {  // all of it after all
    auto all = request;
    all.wanted = {};
    return owner_.fetch(std::move(all));
  }
  const auto& there = file_->extents();
  const bool all_there =
      std::ranges::all_of(*spans, [&there](const Span& span) { return there.covers(span); });
  const auto asked = all_there ? 0 : want(*spans);
  if (!asked) {
    auto anew = request;
    if (there.bytes() == 0) anew.wanted = {};  // it is more than may be kept even of it alone
    step_aside();
    return owner_.fetch(std::move(anew));
  }
  const bool first = !std::exchange(first_answered_, true);
  const auto outcome = all_there               ? Outcome::hit
                       : !first && *asked == 0 ? Outcome::joined
                                               : Outcome::miss;
  if (all_there || heard_)
    reply_growing(request, outcome, reason_for_pieces(), Progress::ReadPolicy::pieces);
  else
    add_unheard(request, outcome);
  note_served(*spans, request.reply.client());
}

/// Where several clients want the same pieces, all of the blob comes. Where one comes back for
/// them, one of them may be wrong: it comes again, and is compared. The proof of all of it would
/// say more, but one client must not have a whole blob brought by asking for a page of it.
void Fill::note_served(const std::vector<Span>& spans, Client client) {
  const auto verdict = served_.note(spans, client);
  if (all_ || all_refused_) return;
  if (verdict == ServedRanges::Verdict::wanted_by_many) all_refused_ = !bring_all();
  if (verdict != ServedRanges::Verdict::check || ranges_ignored_) return;
  if (!pieces_) make_pieces();
  for (const auto& span : joined(spans, closed_gap, most_pieces)) {
    if (file_->extents().covers(span)) pieces_->want_again(span);
  }
}

std::string_view Fill::reason_for_pieces() const { return all_ ? "range-whole" : "range"; }

/// Asks for what of this is not on its way already, and says how many bytes; nullopt where there is
/// no room for them.
std::optional<std::uint64_t> Fill::want(const std::vector<Span>& spans) {
  if (ranges_ignored_) return 0;
  if (!pieces_) make_pieces();
  const auto ahead = spans.size() == 1 ? read_ahead(spans.front()) : 0;
  const auto asked = want_with(spans, ahead);
  return asked || ahead == 0 ? asked : want_with(spans, 0);
}

std::optional<std::uint64_t> Fill::want_with(const std::vector<Span>& spans, std::uint64_t ahead) {
  std::vector<Span> far;
  std::uint64_t missing = 0;
  for (auto span : joined(spans, closed_gap, most_pieces)) {
    span.end = std::min(span.end + ahead, *head_.size);
    if (all_ && span.begin <= file_->arrived() + near) continue;
    missing += pieces_->missing(span);
    far.push_back(span);
  }
  if (missing > 0 && !all_ && !file_->claim(claimed_ + missing)) return std::nullopt;
  claimed_ += missing;
  for (const auto& span : far) pieces_->want(span);
  return missing;
}

/// More and more for who goes on where it has stopped.
std::uint64_t Fill::read_ahead(const Span& span) {
  const bool goes_on =
      last_end_ > 0 && span.end > last_end_ && span.begin <= last_end_ + ahead_ + closed_gap;
  ahead_ = goes_on ? std::min(std::max(ahead_ * 2, RangeFetcher::grain), most_ahead) : 0;
  last_end_ = span.end;
  return ahead_;
}

/// No room for more of it. Whoever reads from the file has it open; its name is for the fill of
/// whoever comes now.
void Fill::step_aside() {
  give_name_up();
  rest_if_idle();
}

/// Once: from then on the file of that name is another fill's.
void Fill::give_name_up() {
  if (std::exchange(ours_, false)) context_.notes.discard_file(digest_);
}

/// Nobody asks for more: in a while the file is left for whoever comes; at once where nobody can
/// come any more.
void Fill::rest_if_idle() {
  if (all_ || !content_ || (pieces_ && !pieces_->idle())) return;
  heard_ = false;
  rest_after(ours_ ? rest_for : std::chrono::seconds(0));
}

void Fill::rest_after(std::chrono::milliseconds delay) {
  resting_ = home_.after(delay, [this] {
    // Who still reads has all it needs, but what it reads must not leave the disk's account.
    if (file_->readers().slowest() != ReadPositions::nobody) return rest_after(rest_for);
    const auto self = shared_from_this();
    pieces_.reset();
    leave_partial();
    owner_.unlist(*this);
  });
}

Failure Fill::another_size() {
  return {FailureKind::bad_upstream, "the upstream tells another size than before"};
}

}  // namespace entrepot::cache
