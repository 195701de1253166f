// SPDX-License-Identifier: Apache-2.0
#include "cache/arriving_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "metrics/check.h"

namespace entrepot::cache {
namespace {

/// Of one write: long enough to make the call cheap, short enough to be still in a core's
/// second-level cache when the kernel copies it.
constexpr std::size_t run_size = 256 << 10;

const Failure cannot_write{FailureKind::store, "the cache directory cannot be written"};

}  // namespace

std::shared_ptr<ArrivingFile> ArrivingFile::create(const BlobFiles& files, const Digest& digest,
                                                   std::optional<std::uint64_t> size,
                                                   std::uint64_t tail, Poster& store,
                                                   Executor& home, Proven proven) {
  auto file = files.create_fill(digest);
  if (!file) return nullptr;
  return std::make_shared<ArrivingFile>(files, digest, std::move(file), size, tail, store, home,
                                        std::move(proven));
}

ArrivingFile::ArrivingFile(const BlobFiles& files, const Digest& digest,
                           std::shared_ptr<const BlobFile> file, std::optional<std::uint64_t> size,
                           std::uint64_t tail, Poster& store, Executor& home, Proven proven)
    : files_(files),
      digest_(digest),
      home_(home),
      file_(std::move(file)),
      progress_(size ? std::make_shared<Progress>(*size) : nullptr),
      tail_(tail),
      hasher_(
          std::make_shared<FileHasher>(file_, digest.algorithm(), store, home, std::move(proven))),
      run_(std::make_unique_for_overwrite<std::byte[]>(run_size)) {}

ArrivingFile::~ArrivingFile() { hasher_->cancel(); }

std::optional<Failure> ArrivingFile::take(std::uint64_t offset, std::span<const std::byte> data,
                                          std::uint64_t limit) {
  if (write_failed_) return cannot_write;
  check(offset <= arrived(), "fetches leave no holes");
  if (offset < arrived()) {  // a resume came back with bytes that clients may have already
    write_gathered();
    if (write_failed_) return cannot_write;
    const auto again = std::min<std::uint64_t>(data.size(), written_ - offset);
    if (!same_as_written(offset, data.first(again))) {
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
    home_.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn_ended();
    });
  }
  return std::nullopt;
}

std::optional<Failure> ArrivingFile::finish() {
  turn_ended();
  if (write_failed_) return cannot_write;
  run_.reset();
  hasher_->finish(written_);
  return std::nullopt;
}

void ArrivingFile::finish_readers(Progress::State state) {
  if (progress_ && progress_->state() == Progress::State::growing) progress_->finish(state);
}

void ArrivingFile::abandon() {
  hasher_->cancel();
  finish_readers(Progress::State::failed);
}

bool ArrivingFile::same_as_written(std::uint64_t offset, std::span<const std::byte> data) const {
  std::array<std::byte, 16384> written;
  while (!data.empty()) {
    const auto piece = std::min(data.size(), written.size());
    const auto got = ::pread(file_->fd(), written.data(), piece, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(piece) || std::memcmp(written.data(), data.data(), piece) != 0)
      return false;
    offset += piece;
    data = data.subspan(piece);
  }
  return true;
}

void ArrivingFile::gather(std::span<const std::byte> data) {
  while (!data.empty()) {
    const std::size_t room = run_size - arrived() % run_size;
    const auto piece = data.first(std::min(room, data.size()));
    std::memcpy(run_.get() + gathered_, piece.data(), piece.size());
    gathered_ += piece.size();
    data = data.subspan(piece.size());
    if (piece.size() == room) write_gathered();
  }
}

void ArrivingFile::write_gathered() {
  const std::span piece(run_.get(), std::exchange(gathered_, 0));
  if (piece.empty() || write_failed_) return;
  write_failed_ = !files_.write(digest_, *file_, written_, piece);
  if (!write_failed_) written_ += piece.size();
}

void ArrivingFile::turn_ended() {
  turn_end_posted_ = false;
  write_gathered();
  hasher_->advance(written_);
  if (!progress_ || progress_->state() != Progress::State::growing) return;
  const auto open = progress_->size() - std::min(progress_->size(), tail_);
  progress_->release(std::min(written_, open));
}

}  // namespace entrepot::cache
