// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/file_body.h"

#include <algorithm>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A shorter beginning costs less to fetch again than to keep. Bytes.
constexpr std::uint64_t worth_resuming = 1 << 20;
/// A rest of at most this is fetched although no client waits and others do. Bytes.
constexpr std::uint64_t nearly_whole = 8 << 20;
/// Or a tenth of the blob, up to this. Bytes.
constexpr std::uint64_t max_tenth = 64 << 20;

}  // namespace

FileBody::FileBody(FillSubject& subject, FillBody::Owner& owner, FetchScope scope)
    : subject_(subject),
      owner_(owner),
      file_(subject, [this](const std::optional<Digest>& actual) { hashed(actual); }),
      transfers_(subject, file_, ranges_, scope),
      parallel_(subject, file_, transfers_),
      pacer_(subject, owner, transfers_),
      ranges_(subject, owner, *this, file_, transfers_, parallel_) {}

FileBody::~FileBody() {
  // The end of a transfer asks for the demand of others, and so of this body.
  transfers_.stop();
  ranges_.stop();
}

void FileBody::start(bool resume) {
  if (resume) file_.take_partial();
  if (!transfers_.whole()) return ranges_.begin();
  transfers_.request_rest(file_.partial() ? file_.partial()->extents : Extents{}, /*compare=*/true);
}

// ---- The transfer in order

void FileBody::on_head(const FetchHead& head) {
  transfers_.head_arrived();
  subject_.note_head(head);
  subject_.ranges_ignored = subject_.ranges_ignored || head.from_beginning;
  if (file_.is_open()) {  // the next of the missing bytes
    if (head.size && head.size != file_.size())
      return owner_.fail(another_size(), Bytes::discarded);
    return ranges_.upstream_answered();
  }
  file_.set_size(head.size);
  if (file_.partial() && !file_.resume(head.size.value_or(0))) {
    file_.forget_partial();
    return owner_.restart(FillBody::Owner::Attempt::next);
  }
  ranges_.upstream_answered();
  const FillContext& context = subject_.context;
  if (file_.is_open()) {
    context.environment.metrics.cache().fills_resumed().add();
    subject_.record->kept(file_->writer().extents().bytes());
    file_->pass_over();
  }
  if (head.size && *head.size <= context.environment.options.tail)
    return owner_.continue_in_memory(head, transfers_.take_in_order());
  if (!file_.is_open() && !file_.create())
    return owner_.fail(
        {FailureKind::store, "the cache directory takes no new file (see the line before)"},
        Bytes::kept);
  // An object of unknown size is answered at the end.
  owner_.opened(file_.is_readable() ? file_.growing_content() : nullptr);
  subject_.prove_link();
  parallel_.watch();
}

bool FileBody::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  const auto end = transfers_.span().end;
  if (transfers_.shortened() && offset < end)
    data = data.first(std::min<std::uint64_t>(data.size(), end - offset));
  refusal_ = file_->take(offset, data, file_.size().value_or(subject_.max_size()));
  if (auto* const window = file_->window(); window && !refusal_) refusal_ = pacer_.pace(*window);
  if (refusal_ || !transfers_.shortened() || file_->arrived() < end) return !refusal_;
  // Segments deliver the rest.
  transfers_.end_shortened();
  go_on();
  return false;
}

void FileBody::on_done(const std::optional<Failure>& failure) {
  transfers_.end_in_order();
  if (refusal_) return owner_.fail(*refusal_, Bytes::discarded);
  const bool bad = failure && failure->kind == FailureKind::bad_upstream;
  if (bad && file_.partial()) {
    // The upstream may have refused the range: it is asked for all of the blob.
    file_.forget_partial();
    return owner_.restart(FillBody::Owner::Attempt::next);
  }
  if (failure)
    return owner_.fail(*failure, bad && transfers_.has_head() ? Bytes::discarded : Bytes::kept);
  go_on();
}

/// A transfer has delivered its bytes.
void FileBody::go_on() {
  check(file_.is_open(), "a head came before the end");
  const auto& size = file_.size();
  if (size && !file_.passing()) file_->pass_over();
  if (file_->write_failed())
    return owner_.fail({FailureKind::store, "the cache directory cannot be written"}, Bytes::kept);
  if (!size || file_->arrived() == *size) return prove();
  if (file_->arrived() < std::min(transfers_.span().end, *size))
    return owner_.fail(
        {FailureKind::bad_upstream, "the upstream's answer is shorter than announced"},
        Bytes::discarded);
  if (parallel_.active() && parallel_.allowed()) return parallel_.request_segments();
  transfers_.request_rest(file_->writer().extents(), /*compare=*/false);
}

void FileBody::prove() {
  transfers_.end_ranges();
  parallel_.stop();
  owner_.proving();
  if (const auto failure = file_->finish()) owner_.fail(*failure, Bytes::kept);
}

void FileBody::hashed(const std::optional<Digest>& actual) {
  if (!actual)
    return owner_.fail({FailureKind::store, "the arriving file cannot be read back"}, Bytes::kept);
  if (*actual != subject_.digest) return owner_.mismatch();
  file_->finish_readers(Progress::State::whole);
  // From now on the content is simply a whole file.
  owner_.proven(std::make_shared<const Content>(
      Content{subject_.digest, file_->arrived(), {}, nullptr, file_->writer().file(), nullptr}));
}

bool FileBody::keep(const ContentPtr& content, Keeper::Done done) {
  if (file_.passing()) return false;
  subject_.context.keeper.keep_file(content, subject_.repository.upstream, subject_.home,
                                    std::move(done));
  return true;
}

// ---- Requests

bool FileBody::admits(const ObjectRequest& request) {
  if (transfers_.whole() || !request.wants_all() || ranges_.fetch_whole()) return true;
  ranges_.step_aside();
  return false;
}

bool FileBody::answer_ranges(const ObjectRequest& request) {
  if (!request.wanted.pieces || file_.passing()) return false;
  ranges_.answer(request);
  return true;
}

void FileBody::client_joined(Client client) {
  transfers_.wanted_by(client);
  ranges_.client_joined(client);
}

std::optional<BypassReason> FileBody::bypass() const {
  return file_.is_open() ? file_->writer().bypass() : std::nullopt;
}

bool FileBody::joinable(bool proven) const {
  if (!file_.named() && !subject_.apart) return false;
  if (!file_.passing()) return true;
  return !proven && !file_->window()->begun_to_slide();
}

bool FileBody::awaited() const {
  return ranges_.awaited() || (file_.is_open() && file_->readers().anybody());
}

bool FileBody::expendable() const {
  if (!file_.is_open()) return false;
  if (!file_.size() || file_.passing()) return true;
  const auto size = *file_.size();
  return size - file_->writer().extents().bytes() >
         std::max(nearly_whole, std::min(size / 10, max_tenth));
}

// ---- The end

void FileBody::stop() {
  transfers_.stop();
  ranges_.stop();
  parallel_.stop();
  if (file_.is_open()) file_->abandon();
}

void FileBody::leave() { file_.leave(transfers_.whole() ? worth_resuming : 1); }

void FileBody::settle(const Failure& failure, Bytes bytes) {
  const bool disk_failed = failure.kind == FailureKind::store;
  if (file_.is_open() && file_->readers().slowest() != ReadPositions::nobody)
    log::warn("{}: the transfer of {} in {} failed, and its readers are cut off: {}",
              subject_.repository.upstream, subject_.digest.str(), subject_.repository.name,
              failure.message);
  // With ranges further on it could not become pass-through; over one transfer the next fill can.
  if (disk_failed && file_.is_open() && file_->scattered())
    subject_.context.mismatched.add(subject_.digest);
  stop();
  if (bytes == Bytes::discarded && file_.is_open())
    file_->readers().cut_before(ReadPositions::nobody, ReadPositions::nobody);
  if (bytes == Bytes::kept && !disk_failed)
    leave();
  else
    file_.discard();
}

}  // namespace entrepot::cache
