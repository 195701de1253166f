// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/fill.h"

#include <algorithm>
#include <utility>

#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A body with the wrong digest that nobody has seen is asked for once more.
constexpr int max_attempts = 2;
/// So much of a body is brought to its end for nobody, even where others wait.
constexpr std::uint64_t nearly_whole = 8 << 20;
/// Or a tenth of it, up to this.
constexpr std::uint64_t most_of_a_tenth = 64 << 20;

}  // namespace

Fill::Fill(const FillContext& context, Executor& home, Source& source, Owner& owner,
           const ObjectRequest& first, bool apart)
    : context_(context),
      home_(home),
      source_(source),
      owner_(owner),
      resource_(first.resource),
      repository_(first.repository),
      digest_(first.digest),
      sent_{first.reply.via(), first.reply.accept()},
      client_(first.reply.client()),
      apart_(apart),
      all_(!first.wanted.pieces || apart),
      ours_(!apart) {
  context_.environment.metrics.flights().add(1);
}

Fill::~Fill() {
  // While one ends the others may ask for this demand: not with members that are gone.
  fetch_.reset();
  pieces_.reset();
  context_.environment.metrics.flights().add(-1);
}

bool Fill::open_to(std::string_view upstream) const {
  return context_.origins.open_to(context_.origins.of(repository_.upstream), upstream);
}

std::uint64_t Fill::max_size() const {
  return resource_ == Resource::manifest ? context_.environment.options.max_manifest
                                         : context_.environment.options.max_blob;
}

void Fill::start() {
  home_.assert_in_thread();
  ++attempts_;
  head_ = {};
  bytes_.clear();
  if (resource_ == Resource::blob && attempts_ == 1 && !apart_)
    partial_ = context_.store.partials().take(digest_);
  if (partial_ && !context_.origins.open_to(partial_->origins, repository_.upstream))
    forget_partial();
  if (!all_) return begin_with_pieces();
  ask_rest(partial_ ? partial_->extents : Extents{}, /*compare=*/true);
}

FetchRequest Fill::request() const {
  FetchRequest request{
      repository_.upstream, repository_.name, resource_, digest_.str(), false, 0, max_size()};
  if (all_ && content_) request.size = head_.size;
  request.one_endpoint = context_.mismatched.contains(digest_);
  request.via = sent_.via;
  request.accept = sent_.accept;
  request.client = client_;
  request.demand = this;
  return request;
}

/// The first of what is missing, up to what is there or on its way; nothing while pieces bring it.
/// `compare`: the page before it comes again, which says whether it is the same object, and gives
/// something to ask for where all is there.
void Fill::ask_rest(const Extents& there, bool compare) {
  const auto size = file_ ? *head_.size : partial_ ? partial_->size : max_size();
  asked_ = there.gap_in({0, size});
  if (pieces_ && !pieces_->idle()) {
    const auto left = pieces_->asked().gap_in(asked_);
    if (left.begin > asked_.begin) {
      asked_ = {};
      return;
    }
    asked_ = left;
  }
  auto next = request();
  if (!ranges_ignored_) {
    constexpr auto page = GrowingFile::page;
    next.offset = compare && asked_.begin > 0 ? (asked_.begin - 1) / page * page : asked_.begin;
    if (asked_.end < size) next.end = asked_.end;
  }
  told_ = false;
  asked_end_ = asked_.end;
  fetch_ = source_.fetch(std::move(next), *this);
}

void Fill::join(ObjectRequest request) {
  home_.assert_in_thread();
  client_ = request.reply.client();
  resting_.reset();
  if (proven_) {
    // On its way to the disk: as good as stored.
    ++uses_;
    request.reply({request.outcome, request.reason, content_, {}});
  } else if (content_ && !all_ && request.wants_all() && !bring_all()) {
    step_aside();
    return owner_.fetch(std::move(request));
  } else if (content_) {
    answer(request);
  } else {
    add_waiting(waiting_, std::move(request));
  }
  if (fetch_) fetch_->wanted_by(client_);
  if (pieces_) pieces_->wanted_by(client_);
  rest_if_idle();
}

Demand::Level Fill::level() const {
  const bool unheard =
      std::ranges::any_of(unheard_, [](const auto& one) { return one.first.reply.awaited(); });
  if (unheard || any_awaited(waiting_)) return Level::awaited;
  if (file_ && file_->readers().anybody()) return Level::awaited;
  // Pieces are of use to who asked for them.
  return all_ && (file_ || !bytes_.empty()) ? Level::background : Level::nobody;
}

bool Fill::expendable() const {
  if (!file_) return false;
  if (!head_.size || passing()) return true;
  const auto left = *head_.size - file_->extents().bytes();
  return left > std::max(nearly_whole, std::min(*head_.size / 10, most_of_a_tenth));
}

void Fill::abandon(const Failure& failure) {
  home_.assert_in_thread();
  end_arrival();
  leave_partial();
  for (const auto& request : std::exchange(waiting_, {}))
    request.reply({Outcome::error, request.reason, nullptr, failure});
  for (const auto& [request, outcome] : std::exchange(unheard_, {}))
    request.reply({Outcome::error, request.reason, nullptr, failure});
}

void Fill::on_head(const FetchHead& head) {
  home_.assert_in_thread();
  told_ = true;
  if (!all_) return on_piece_head(head);
  endpoints_.insert(head.endpoint);
  near_mirror_ = head.near_mirror;
  if (file_ && !partial_) {  // for what is missing between pieces
    ranges_ignored_ = ranges_ignored_ || head.from_beginning;
    if (head.size && head.size != head_.size) return fail(another_size(), Left::goes);
    return heard();
  }
  head_ = head;
  ranges_ignored_ = ranges_ignored_ || head.from_beginning;
  if (partial_ && !resume_file(head.size.value_or(0))) {
    forget_partial();
    return start();
  }
  heard_ = true;
  if (file_) {
    context_.environment.metrics.cache().fills_resumed().add();
    file_->pass_over();
  }
  // The upstream answered for this repository: that is the proof of the link (promise 8).
  context_.links.add(repository_, digest_, LinkRecord::Proof::upstream);
  in_memory_ = resource_ == Resource::manifest ||
               (head.size && *head.size <= context_.environment.options.tail);
  if (in_memory_) {
    bytes_.reserve(head.size.value_or(0));
  } else if (!open_file()) {
    return fail(
        {FailureKind::store, "the cache directory takes no new file (see the line before)"});
  }
  watch_speed();
}

bool Fill::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  home_.assert_in_thread();
  if (in_memory_) return take_in_memory(offset, data);
  if (shortened() && offset < asked_.end)
    data = data.first(std::min<std::uint64_t>(data.size(), asked_.end - offset));
  refusal_ = file_->take(offset, data, head_.size.value_or(max_size()));
  if (!refusal_ && file_->deserted()) refusal_ = nobody_reads();
  if (!refusal_ && file_->should_slide()) file_->slide();
  if (!refusal_ && file_->full()) hold_while_full();
  if (refusal_ || !shortened() || file_->arrived() < asked_.end) return !refusal_;
  // What lies behind is the segments'.
  const auto self = shared_from_this();
  fetch_.reset();
  asked_end_ = asked_.end;
  go_on_in_file();
  return false;
}

void Fill::on_done(const std::optional<Failure>& failure) {
  home_.assert_in_thread();
  const auto self = shared_from_this();
  fetch_.reset();
  if (refusal_) return fail(*refusal_, Left::goes);
  const bool bad = failure && failure->kind == FailureKind::bad_upstream;
  if (!all_) {  // its size was asked for
    if (!failure || content_) return;
    // Some let nobody ask for it alone.
    return bad || failure->kind == FailureKind::denied ? turn_to_all() : fail(*failure);
  }
  if (bad && partial_) {
    // It did not like the range: from the beginning, then.
    forget_partial();
    return start();
  }
  if (failure) return fail(*failure, bad && told_ ? Left::goes : Left::stays);
  in_memory_ ? prove_in_memory() : go_on_in_file();
}

// ---- ends

void Fill::stored(bool kept, bool is_inline) {
  home_.assert_in_thread();
  context_.mismatched.remove(digest_);
  if (kept && resource_ == Resource::blob) {
    context_.store.blobs().put(
        digest_, {content_->size, is_inline, false,
                  context_.store.origins_with(repository_.upstream, resource_, digest_)});
    for (; uses_ > 0; --uses_) context_.store.blobs().use(digest_);
    if (!is_inline) context_.environment.lifecycle.bytes_since += Index::on_disk(content_->size);
  }
  context_.store.being_stored().remove(digest_);
  if (file_) file_->give_room_back();
  if (file_ && ours_) context_.notes.remove(digest_);
  if (passing()) context_.environment.metrics.cache().bypass(file_->bypass()).add();
  context_.environment.store_pool.post([&budget = context_.budget] { budget.publish_gauges(); });
  owner_.unlist(*this);
}

void Fill::mismatch() {
  const bool one = endpoints_.size() == 1;
  source_.report_mismatch(repository_.upstream, one ? *endpoints_.begin() : std::string(), digest_);
  std::string from;
  for (const auto& endpoint : std::exchange(endpoints_, {}))
    from += (from.empty() ? "" : " and ") + endpoint;
  log::error("{}: {} in {} arrived from {} with another digest; nothing of it is kept",
             repository_.upstream, digest_.str(), repository_.name, from);
  context_.mismatched.add(digest_);
  if (in_memory_ && attempts_ < max_attempts) return start();
  fail({FailureKind::bad_upstream, "the upstream's bytes do not have the digest asked for"},
       Left::goes);
}

void Fill::answer_waiters() {
  for (const auto& request : std::exchange(waiting_, {})) answer(request);
}

void Fill::answer(const ObjectRequest& request) {
  if (request.wanted.pieces && content_->progress && !passing()) return answer_pieces(request);
  const bool first = !std::exchange(first_answered_, true);
  const Outcome outcome = !first ? Outcome::joined : passing() ? Outcome::bypass : Outcome::miss;
  const auto why = passing()               ? file_->bypass()
                   : request.wanted.pieces ? std::string_view("range-whole")
                                           : std::string_view("absent");
  reply_growing(request, outcome, why, Progress::ReadPolicy::proven);
}

void Fill::reply_growing(const ObjectRequest& request, Outcome outcome, std::string_view reason,
                         Progress::ReadPolicy reach) const {
  auto content = content_;
  if (content->progress) {  // a place of its own in what arrives
    auto own = *content;
    own.reader = file_->readers().join();
    own.reach = reach;
    content = std::make_shared<const Content>(std::move(own));
  }
  request.reply(
      {outcome, request.reason.empty() ? reason : request.reason, std::move(content), {}});
}

void Fill::end_arrival() {
  fetch_.reset();
  pieces_.reset();
  resting_.reset();
  speed_timer_.reset();
  extra_.reset();
  if (file_) file_->abandon();
}

void Fill::fail(const Failure& failure, Left left) {
  const auto self = shared_from_this();
  if (content_ && !proven_ && file_->readers().slowest() != ReadPositions::nobody)
    log::warn("{}: {} in {} did not arrive whole, and who waits for more of it is cut short: {}",
              repository_.upstream, digest_.str(), repository_.name, failure.message);
  // With pieces further on it could not become pass-through; over one transfer the next time it
  // can.
  if (failure.kind == FailureKind::store && file_ && file_->scattered())
    context_.mismatched.add(digest_);
  end_arrival();
  // What is in doubt is not read to its end, not even by who checks it.
  if (left == Left::goes && file_)
    file_->readers().cut_before(ReadPositions::nobody, ReadPositions::nobody);
  if (left == Left::stays && failure.kind != FailureKind::store) {
    leave_partial();
  } else if (partial_) {
    forget_partial();
  } else if (file_ && !passing() && ours_) {
    context_.notes.discard_file(digest_);
  }
  auto waiting = std::exchange(waiting_, {});
  for (auto& [request, outcome] : std::exchange(unheard_, {}))
    waiting.push_back(std::move(request));
  owner_.unlist(*this);
  owner_.failed(repository_, resource_, digest_, sent_, std::move(waiting), failure);
}

}  // namespace entrepot::cache
