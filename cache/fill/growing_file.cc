// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/growing_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cache/index/stored_size.h"
#include "metrics/check.h"

namespace entrepot::cache {
namespace {

/// Length of one write: enough to make the call cheap, and little enough to be in the second-level
/// cache of a core when the kernel copies it. Bytes.
constexpr std::size_t run_size = 256 << 10;
/// Bytes written within a turn before readers and the hasher are notified.
constexpr std::uint64_t untold_at_most = 1 << 20;

const Failure cannot_write{FailureKind::store, "the cache directory cannot be written"};

}  // namespace

GrowingFile::GrowingFile(const Parts& parts, FileWriter writer, Proven proven)
    : parts_(parts),
      writer_(std::move(writer)),
      progress_(writer_.size() ? std::make_shared<Progress>(*writer_.size(), parts_.tail)
                               : nullptr),
      hasher_(std::make_shared<FileHasher>(writer_.file(), writer_.digest().algorithm(),
                                           parts_.store, parts_.home, std::move(proven))),
      run_(std::make_unique_for_overwrite<std::byte[]>(run_size)),
      window_(*writer_.file(), in_order_, *readers_, *hasher_) {
  for (const auto& [begin, end] : writer_.extents().spans()) progress_->release(Span{begin, end});
}

GrowingFile::~GrowingFile() { hasher_->cancel(); }

std::optional<Failure> GrowingFile::take(std::uint64_t offset, std::span<const std::byte> data,
                                         std::uint64_t limit) {
  parts_.home.assert_in_thread();
  if (write_failed_) return cannot_write;
  check(offset <= arrived(), "fetches leave no holes");
  if (offset < arrived()) {  // a resume repeats bytes that clients may have read
    const auto written = in_order_.written;
    // No client has the gathered bytes: they are replaced.
    in_order_.gathered = offset > written ? offset - written : 0;
    const auto again = std::min<std::uint64_t>(data.size(), written - std::min(offset, written));
    if (!repeats(offset, data.first(again))) {
      return Failure{FailureKind::bad_upstream, "the upstream sent other bytes the second time"};
    }
    data = data.subspan(again);
  }
  if (data.size() > limit - arrived()) {
    return Failure{FailureKind::bad_upstream, "the upstream's answer is longer than announced"};
  }
  gather(data);
  if (write_failed_) return cannot_write;
  if (!data.empty() && !std::exchange(turn_end_posted_, true)) {
    parts_.home.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn_ended();
    });
  }
  return std::nullopt;
}

bool GrowingFile::put(std::uint64_t offset, std::span<const std::byte> data) {
  parts_.home.assert_in_thread();
  if (write_failed_ || writer_.passing()) return false;
  if (writer_.write(offset, data) != FileWriter::Result::written) return false;
  progress_->release(Span{offset, offset + data.size()});
  return true;
}

void GrowingFile::pass_over() {
  write_gathered();
  if (write_failed_) return;
  in_order_.written = writer_.extents().end_from(in_order_.written);
  turn_ended();
}

std::optional<Failure> GrowingFile::finish() {
  parts_.home.assert_in_thread();
  write_gathered();
  turn_ended();
  if (write_failed_) return cannot_write;
  run_.reset();
  hasher_->finish(in_order_.written);
  return std::nullopt;
}

void GrowingFile::finish_readers(Progress::State state) {
  if (progress_ && progress_->state() == Progress::State::growing) progress_->finish(state);
}

void GrowingFile::abandon() {
  parts_.home.assert_in_thread();
  hasher_->cancel();
  finish_readers(Progress::State::failed);
  in_order_.gathered = 0;  // another fill may continue the file after the written bytes
}

/// The bytes are the same as those in the file. Discarded bytes cannot be compared; they were
/// hashed.
bool GrowingFile::repeats(std::uint64_t offset, std::span<const std::byte> data) const {
  const auto gone = window_.begin() - std::min(offset, window_.begin());
  const auto skipped = std::min<std::uint64_t>(gone, data.size());
  return writer_.holds(offset + skipped, data.subspan(skipped));
}

void GrowingFile::gather(std::span<const std::byte> data) {
  while (!data.empty() && !write_failed_) {
    const std::size_t room = run_size - arrived() % run_size;
    const auto piece = data.first(std::min(room, data.size()));
    std::memcpy(run_.get() + in_order_.gathered, piece.data(), piece.size());
    in_order_.gathered += piece.size();
    data = data.subspan(piece.size());
    if (piece.size() == room) write_gathered();
    if (in_order_.written - told_ >= untold_at_most) tell();
  }
}

void GrowingFile::write_gathered(std::size_t kept) {
  kept = std::min(kept, in_order_.gathered);
  const std::span run(run_.get(), in_order_.gathered - kept);
  if (run.empty() || write_failed_) return;
  write_failed_ = !write_next(run);
  if (write_failed_) {
    in_order_.gathered = 0;
    return;
  }
  in_order_.written += run.size();
  std::memmove(run_.get(), run_.get() + run.size(), kept);
  in_order_.gathered = kept;
}

bool GrowingFile::write_next(std::span<const std::byte> run) {
  const auto result = writer_.write(in_order_.written, run);
  if (result == FileWriter::Result::written) return true;
  if (!writer_.move_to_memory(window_.needed(), result)) return false;
  window_.begin_behind_written();
  return writer_.write(in_order_.written, run) == FileWriter::Result::written;
}

void GrowingFile::turn_ended() {
  turn_end_posted_ = false;
  write_gathered(arrived() == writer_.size() ? 0 : arrived() % page_size);
  tell();
}

void GrowingFile::tell() {
  told_ = in_order_.written;
  hasher_->advance(told_);
  if (progress_ && progress_->state() == Progress::State::growing) progress_->release(told_);
}

}  // namespace entrepot::cache
