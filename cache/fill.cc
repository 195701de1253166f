// SPDX-License-Identifier: Apache-2.0
#include "cache/fill.h"

#include <chrono>
#include <utility>

#include "cache/manifest.h"
#include "cache/media_type.h"
#include "cache/object_flights.h"
#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A body with the wrong digest that nobody has seen is asked for once more.
constexpr int max_attempts = 2;
/// Reserved first for an object whose size nobody told.
constexpr std::uint64_t unknown_size = 8 << 20;
/// Between two looks at a full window.
constexpr std::chrono::milliseconds pace{2};

const Failure nobody_reads{FailureKind::unavailable,
                           "passed through, and nobody reads it any more"};

std::string_view as_text(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace

Fill::Fill(Shared& shared, Executor& home, Source& source, ObjectFlights& flights,
           const ObjectRequest& first)
    : shared_(shared),
      home_(home),
      source_(source),
      flights_(flights),
      resource_(first.resource),
      repository_(first.repository),
      digest_(first.digest) {
  shared_.metrics.flights().add(1);
}

Fill::~Fill() { shared_.metrics.flights().add(-1); }

std::uint64_t Fill::max_size() const {
  return resource_ == Resource::manifest ? shared_.options.max_manifest : shared_.options.max_blob;
}

void Fill::start() {
  ++attempts_;
  head_ = {};
  bytes_.clear();
  fetch_ = source_.fetch({repository_.upstream, repository_.name, resource_, digest_.str(),
                          /*head=*/false, /*offset=*/0, max_size()},
                         *this);
}

void Fill::join(ObjectRequest request) {
  if (proven_) {
    // On its way to the disk: as good as stored.
    request.reply({request.outcome, request.reason, content_, {}});
  } else if (content_) {
    answer(request, !std::exchange(first_answered_, true));
  } else {
    waiting_.push_back(std::move(request));
  }
}

void Fill::abandon(const Failure& failure) {
  end_arrival();
  for (const auto& request : std::exchange(waiting_, {})) {
    request.reply({Outcome::error, request.reason, nullptr, failure});
  }
}

void Fill::on_head(const FetchHead& head) {
  head_ = head;
  // The upstream answered for this repository: that is the proof of the link (promise 8).
  shared_.link(repository_, digest_, LinkRecord::Proof::upstream);
  in_memory_ = resource_ == Resource::manifest || (head.size && *head.size <= shared_.options.tail);
  if (in_memory_) {
    bytes_.reserve(head.size.value_or(0));
  } else if (!open_file()) {
    fail({FailureKind::store, "the cache directory takes no new file (see the line before)"});
  }
}

bool Fill::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  if (in_memory_) return take_in_memory(offset, data);
  refusal_ = file_->take(offset, data, head_.size.value_or(max_size()));
  if (!refusal_ && file_->deserted()) refusal_ = nobody_reads;
  if (!refusal_ && file_->full()) hold_while_full();
  return !refusal_;
}

/// Passing through: the upstream waits until the slowest reader has less than a window before it.
/// A timer looks, so that no reader has to wake anybody at each step.
void Fill::hold_while_full() {
  file_->slide();
  fetch_->hold(true);
  pace_ = home_.after(pace, [this] {
    const auto self = shared_from_this();
    pace_.reset();
    if (!fetch_) return;
    if (file_->deserted()) return fail(nobody_reads);
    file_->slide();
    if (file_->full()) return hold_while_full();
    fetch_->hold(false);
  });
}

void Fill::on_done(const std::optional<Failure>& failure) {
  const auto self = shared_from_this();
  fetch_.reset();
  if (refusal_) return fail(*refusal_);
  if (failure) return fail(*failure);
  in_memory_ ? prove_in_memory() : prove_file();
}

// ---- in memory

bool Fill::take_in_memory(std::uint64_t offset, std::span<const std::byte> data) {
  // A resume may repeat bytes; in memory the later ones simply replace the earlier.
  check(offset <= bytes_.size(), "fetches leave no holes");
  bytes_.resize(offset);
  bytes_.append(as_text(data));
  if (bytes_.size() <= max_size()) return true;
  refusal_ = Failure{FailureKind::bad_upstream, "the upstream's answer is longer than allowed"};
  return false;
}

void Fill::prove_in_memory() {
  if (digest_of(digest_.algorithm(), bytes_) != digest_) return mismatch();
  std::string media_type;
  bool contradicted = false;
  if (resource_ == Resource::manifest) {
    const auto outline = parse_manifest(bytes_);
    if (outline && outline->over_limits) {
      return fail({FailureKind::bad_upstream, "the manifest is nested too deep or names too much"});
    }
    media_type = head_.media_type;
    if (media_type.empty() && outline) media_type = outline->media_type;
    // Asked for as a manifest and right by its digest, but of no form we know.
    if (media_type.empty()) media_type = "application/octet-stream";
    // The same bytes under two types are an attack (CVE-2021-41190): passed on, not kept.
    contradicted = outline && is_manifest_type(outline->media_type) &&
                   is_manifest_type(media_type) && outline->media_type != media_type;
  }
  const auto size = bytes_.size();
  content_ = std::make_shared<const Content>(
      Content{digest_, size, std::move(media_type),
              std::make_shared<const std::string>(std::move(bytes_)), nullptr, nullptr});
  if (resource_ == Resource::manifest) {
    shared_.link_references(repository_, *content_);
    for (const auto& request : waiting_) {
      if (request.repository != repository_) {
        shared_.link_references(request.repository, *content_);
      }
    }
  }
  if (!contradicted) shared_.remember(content_, resource_);
  answer_waiters();
  proven_ = true;
  keep_in_memory(!contradicted);
}

void Fill::keep_in_memory(bool with_record) {
  if (!with_record || !shared_.rocks.healthy()) return stored(false, false);
  // Index writes in order; a file first, where it is one.
  const bool is_file = resource_ == Resource::blob && content_->size > shared_.options.small_object;
  Poster& writer = is_file ? shared_.store : static_cast<Poster&>(shared_.index_writes);
  writer.post([self = shared_from_this()] { self->write_small(); });
}

/// On the store pool: a small object or a manifest into the index, another into a file.
void Fill::write_small() {
  Shared& shared = shared_;
  const Content& content = *content_;
  const auto [room, refused] = shared.space.reserve(content.size);
  if (!room) {
    shared.metrics.bypass(refused).add();
    return report_stored(false, false);
  }
  if (resource_ == Resource::manifest) {
    return report_stored(
        shared.rocks.put_manifest(content.digest,
                                  {content.media_type, shared.clock.wall(), *content.bytes}),
        false);
  }
  if (content.size <= shared.options.small_object) {
    return report_stored(
        shared.rocks.put_blob(content.digest, {content.size, shared.clock.wall(), *content.bytes}),
        true);
  }
  if (!shared.files.put(content.digest, std::as_bytes(std::span(*content.bytes)))) {
    return report_stored(false, false);
  }
  note_file();
}

/// On the store pool: the file is there, now its record.
void Fill::note_file() {
  shared_.index_writes.post([self = shared_from_this()] {
    Shared& shared = self->shared_;
    const Content& content = *self->content_;
    const bool kept =
        shared.rocks.put_blob(content.digest, {content.size, shared.clock.wall(), {}});
    if (!kept) shared.files.remove_blob(content.digest);
    self->report_stored(kept, false);
  });
}

void Fill::report_stored(bool kept, bool is_inline) {
  home_.post([self = shared_from_this(), kept, is_inline] { self->stored(kept, is_inline); });
}

// ---- in a file

bool Fill::open_file() {
  if (!make_file()) return false;
  if (!head_.size) return true;  // answered at the end, when the size is known
  content_ = std::make_shared<const Content>(
      Content{digest_, *head_.size, {}, nullptr, file_->file(), file_->progress()});
  answer_waiters();
  return true;
}

bool Fill::make_file() {
  const ArrivingFile::Parts parts{shared_.files, shared_.space, shared_.store,       home_,
                                  digest_,       head_.size,    shared_.options.tail};
  const auto proven = [this](std::optional<Digest> actual) { proven_in_file(actual); };
  auto [room, refused] = shared_.space.reserve(head_.size.value_or(unknown_size));
  if (room) {
    file_ = ArrivingFile::create(parts, std::move(room), proven);
    refused = "disk-error";
  }
  if (file_ || !head_.size) return file_ != nullptr;
  file_ = ArrivingFile::create_passing(parts, proven);
  if (file_) file_->set_bypass(refused);
  return file_ != nullptr;
}

void Fill::prove_file() {
  check(file_ != nullptr, "a head came before the end");
  if (head_.size && file_->arrived() != *head_.size) {
    return fail({FailureKind::bad_upstream, "the upstream's answer is shorter than announced"});
  }
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
  shared_.store.post([self = shared_from_this()] {
    const Content& content = *self->content_;
    if (!self->shared_.files.commit(content.digest, content.file)) {
      return self->report_stored(false, false);
    }
    self->note_file();
  });
}

// ---- ends

void Fill::stored(bool kept, bool is_inline) {
  if (kept && resource_ == Resource::blob) {
    shared_.blobs.put(digest_, content_->size, is_inline);
  }
  if (passing()) shared_.metrics.bypass(file_->bypass()).add();
  shared_.store.post([&shared = shared_] { shared.update_gauges(); });
  flights_.unlist(*this);
}

void Fill::mismatch() {
  source_.report_mismatch(repository_.upstream, head_.endpoint, digest_);
  log::error("{}: {} in {} arrived from {} with another digest; nothing of it is kept",
             repository_.upstream, digest_.str(), repository_.name, head_.endpoint);
  if (in_memory_ && attempts_ < max_attempts) return start();
  fail({FailureKind::bad_upstream, "the upstream's bytes do not have the digest asked for"});
}

void Fill::answer_waiters() {
  for (const auto& request : std::exchange(waiting_, {})) {
    answer(request, !std::exchange(first_answered_, true));
  }
}

void Fill::answer(const ObjectRequest& request, bool first) const {
  const Outcome outcome = !first ? Outcome::joined : passing() ? Outcome::bypass : Outcome::miss;
  const auto why = passing() ? file_->bypass() : std::string_view("absent");
  auto content = content_;
  if (content->progress) {  // a place of its own in what arrives
    auto own = *content;
    own.reader = file_->readers().join();
    content = std::make_shared<const Content>(std::move(own));
  }
  request.reply({outcome, request.reason.empty() ? why : request.reason, std::move(content), {}});
}

void Fill::end_arrival() {
  fetch_.reset();
  if (file_) file_->abandon();
}

void Fill::fail(const Failure& failure) {
  const auto self = shared_from_this();
  end_arrival();
  if (file_ && !passing()) shared_.files.discard_fill(digest_);
  auto waiting = std::exchange(waiting_, {});
  flights_.unlist(*this);
  flights_.failed(repository_, resource_, digest_, std::move(waiting), failure);
}

}  // namespace entrepot::cache
