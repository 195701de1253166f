// SPDX-License-Identifier: Apache-2.0
// A fill whose object is read while it arrives: on the disk, or passing through.
#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/fill/fill.h"
#include "metrics/check.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Reserved first for an object whose size nobody told.
constexpr std::uint64_t unknown_size = 8 << 20;
/// A shorter beginning is fetched again sooner than it is looked after.
constexpr std::uint64_t worth_resuming = 1 << 20;
/// Between two looks at a full window.
constexpr std::chrono::milliseconds pace{2};
/// With a reader that others wait for.
constexpr std::chrono::seconds room_patience{10};
/// Since nobody was seen to wait for them.
constexpr std::chrono::seconds level_again{3};

}  // namespace

Failure Fill::nobody_reads() {
  return {FailureKind::unavailable, "passed through, and nobody reads it any more"};
}

bool Fill::open_file() {
  if (!file_ && !make_file()) return false;
  if (!head_.size) return true;  // answered at the end, when the size is known
  set_growing_content();
  answer_waiters();
  return true;
}

void Fill::set_growing_content() {
  content_ = std::make_shared<const Content>(
      Content{digest_, *head_.size, {}, nullptr, file_->file(), file_->progress()});
}

bool Fill::make_file() {
  if (apart_) return make_passing("other-upstream");
  auto [room, refused] = context_.budget.reserve_first(head_.size.value_or(unknown_size));
  if (room) {
    file_ = GrowingFile::create(file_parts(), std::move(room), when_proven());
    if (file_) context_.notes.add(digest_, repository_.upstream);
    refused = "disk-error";
  }
  return file_ || make_passing(refused);
}

bool Fill::make_passing(std::string_view why) {
  if (!head_.size) return false;
  file_ = GrowingFile::create_passing(file_parts(), when_proven());
  if (file_) file_->set_bypass(why);
  return file_ != nullptr;
}

GrowingFile::Parts Fill::file_parts() const {
  const Environment& environment = context_.environment;
  return {context_.files, context_.budget, context_.health, environment.store_pool,
          home_,          digest_,         head_.size,      environment.options.tail};
}

GrowingFile::Proven Fill::when_proven() {
  return [this](std::optional<Digest> actual) { proven_in_file(actual); };
}

/// What was asked for in order is there, or a piece: the next of what is missing, or the proof.
void Fill::go_on_in_file() {
  check(file_ != nullptr, "a head came before the end");
  if (head_.size && !passing()) file_->pass_over();
  if (file_->write_failed())
    return fail({FailureKind::store, "the cache directory cannot be written"});
  if (!head_.size || file_->arrived() == *head_.size) return prove_file();
  if (file_->arrived() < std::min(asked_.end, *head_.size))
    return fail({FailureKind::bad_upstream, "the upstream's answer is shorter than announced"},
                Left::goes);
  if (widened() && may_widen()) return ask_segments();
  ask_rest(file_->extents(), /*compare=*/false);
}

void Fill::prove_file() {
  pieces_.reset();  // all is there
  speed_timer_.reset();
  extra_.reset();
  if (const auto failure = file_->finish()) fail(*failure);
}

void Fill::proven_in_file(std::optional<Digest> actual) {
  const auto self = shared_from_this();
  if (!actual) return fail({FailureKind::store, "the arriving file cannot be read back"});
  if (*actual != digest_) return mismatch();
  file_->finish_readers(Progress::State::whole);
  // From now on the content is simply a whole file.
  content_ = std::make_shared<const Content>(
      Content{digest_, file_->arrived(), {}, nullptr, file_->file(), nullptr});
  answer_waiters();
  proven_ = true;
  keep_file();
}

void Fill::keep_file() {
  if (passing()) return stored(false, false);
  context_.keeper.keep_file(content_, repository_.upstream, home_, when_stored());
}

/// Passing through: the upstream waits until the slowest reader has less than a window before it.
/// A timer looks, so that no reader has to wake anybody at each step.
void Fill::hold_while_full() {
  file_->slide();
  leave_slow_behind();
  fetch_->hold(true);
  pace_ = home_.after(pace, [this] { look_at_window(); });
}

void Fill::look_at_window() {
  const auto self = shared_from_this();
  pace_.reset();
  if (!fetch_) return;
  if (file_->deserted()) return fail(nobody_reads());
  file_->slide();
  if (file_->full()) return hold_while_full();
  fetch_->hold(false);
}

/// One reader that hardly moves must not keep the others from their object; nor do all together
/// keep whoever waits for a transfer of the upstream from theirs. One that is merely slower is
/// waited for.
void Fill::leave_slow_behind() {
  const auto now = context_.environment.clock.steady();
  const bool crowded = source_.crowded(repository_.upstream);
  if (!crowded && !file_->uneven()) return;
  if (!held_up_ || now - held_up_->seen > level_again) {
    held_up_ = {now, now};
    return file_->readers().mark();
  }
  held_up_->seen = now;
  if (now - held_up_->since < room_patience) return;
  held_up_.reset();
  const auto cut = crowded ? file_->cut_idle() : file_->cut_slow();
  if (cut == 0) return;
  log::info(
      "{}: {} passes through, and {} clients that had been holding up the others for {} s are cut "
      "short",
      repository_.upstream, digest_.str(), cut, room_patience.count());
  file_->slide();
}

/// Goes on where an earlier fill ended. False where its file cannot be of this object, or there is
/// no room for the rest.
bool Fill::resume_file(std::uint64_t room) {
  if (head_.size != partial_->size || *head_.size <= context_.environment.options.tail)
    return false;
  auto reserved = context_.budget.reserve_first(room, partial_->extents.bytes()).reservation;
  if (!reserved) return false;
  file_ = GrowingFile::resume(file_parts(), partial_->extents, std::move(reserved), when_proven());
  if (!file_) return false;
  context_.notes.add(digest_, repository_.upstream);
  partial_.reset();
  return true;
}

void Fill::forget_partial() {
  if (std::exchange(partial_, std::nullopt)) context_.notes.discard_file(digest_);
}

/// The file waits for who asks next.
void Fill::leave_partial() {
  if (partial_) {
    context_.store.partials().add(*std::exchange(partial_, std::nullopt));
    return;
  }
  if (!file_ || passing() || proven_ || !ours_) return;
  const auto& extents = file_->extents();
  if (head_.size && extents.bytes() >= (all_ ? worth_resuming : 1)) {
    context_.store.partials().add(
        {digest_, *head_.size, extents, context_.origins.of(repository_.upstream)});
  } else {
    context_.notes.discard_file(digest_);
  }
}

}  // namespace entrepot::cache
