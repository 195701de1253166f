// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/growing_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "cache/index/stored_size.h"
#include "metrics/check.h"

namespace entrepot::cache {
namespace {

/// Length of one write: enough to make the call cheap, and little enough to be in the second-level
/// cache of a core when the kernel copies it. Bytes.
constexpr std::size_t run_size = 256 << 10;
/// Bytes written within a turn before readers and the hasher are notified.
constexpr std::uint64_t untold_at_most = 1 << 20;
/// A reader that others wait for is slow at this distance. Bytes.
constexpr std::uint64_t far_behind = GrowingFile::window / 2;
/// Most bytes that move into memory. If readers need more, they are cut short.
constexpr std::uint64_t moved_at_most = 16 << 20;
/// Evicted beyond the need when the disk is full. Bytes.
constexpr std::uint64_t room_when_full = 64 << 20;

const Failure cannot_write{FailureKind::store, "the cache directory cannot be written"};

}  // namespace

std::shared_ptr<GrowingFile> GrowingFile::create(const Parts& parts,
                                                 std::unique_ptr<DiskBudget::Reservation> room,
                                                 Proven proven) {
  auto file = parts.files.create_fill(parts.digest, parts.size);
  if (!file) return nullptr;
  return std::make_shared<GrowingFile>(parts, std::move(file), std::move(room), std::move(proven));
}

std::shared_ptr<GrowingFile> GrowingFile::resume(const Parts& parts, const Extents& extents,
                                                 std::unique_ptr<DiskBudget::Reservation> room,
                                                 Proven proven) {
  auto file = parts.files.reopen_fill(parts.digest, *parts.size);
  if (!file) return nullptr;
  auto resumed =
      std::make_shared<GrowingFile>(parts, std::move(file), std::move(room), std::move(proven));
  resumed->there_ = extents;
  for (const auto& [begin, end] : extents.spans()) resumed->progress_->release(Span{begin, end});
  return resumed;
}

std::shared_ptr<GrowingFile> GrowingFile::create_passing(const Parts& parts, Proven proven) {
  const int fd = ::memfd_create("entrepot-passing", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  auto file = std::make_shared<const BlobFile>(fd);
  file->set_discardable();
  return std::make_shared<GrowingFile>(parts, std::move(file), nullptr, std::move(proven));
}

GrowingFile::GrowingFile(const Parts& parts, std::shared_ptr<const BlobFile> file,
                         std::unique_ptr<DiskBudget::Reservation> room, Proven proven)
    : parts_(parts),
      file_(std::move(file)),
      room_(std::move(room)),
      progress_(parts_.size ? std::make_shared<Progress>(*parts_.size, parts_.tail) : nullptr),
      hasher_(std::make_shared<FileHasher>(file_, parts_.digest.algorithm(), parts_.store,
                                           parts_.home, std::move(proven))),
      run_(std::make_unique_for_overwrite<std::byte[]>(run_size)) {}

GrowingFile::~GrowingFile() { hasher_->cancel(); }

std::optional<Failure> GrowingFile::take(std::uint64_t offset, std::span<const std::byte> data,
                                         std::uint64_t limit) {
  parts_.home.assert_in_thread();
  if (write_failed_) return cannot_write;
  check(offset <= arrived(), "fetches leave no holes");
  if (offset < arrived()) {  // a resume repeats bytes that clients may have read
    gathered_ =
        offset > written_ ? offset - written_ : 0;  // no client has these: they are replaced
    const auto again = std::min<std::uint64_t>(data.size(), written_ - std::min(offset, written_));
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
    parts_.home.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn_ended();
    });
  }
  return std::nullopt;
}

bool GrowingFile::put(std::uint64_t offset, std::span<const std::byte> data) {
  parts_.home.assert_in_thread();
  if (write_failed_ || passing() || !write_missing(offset, data, OnFailure::tell)) return false;
  progress_->release(Span{offset, offset + data.size()});
  return true;
}

bool GrowingFile::differs(std::uint64_t offset, std::span<const std::byte> data) const {
  return there_.covers({offset, offset + data.size()}) && !same_as_written(offset, data);
}

bool GrowingFile::claim(std::uint64_t size) {
  if (!room_) return true;
  const auto wanted = std::max(size_on_disk(size), room_->bytes());
  return wanted == room_->bytes() || parts_.budget.grow(*room_, wanted - room_->bytes());
}

void GrowingFile::pass_over() {
  write_gathered();
  if (write_failed_) return;
  written_ = there_.end_from(written_);
  turn_ended();
}

std::optional<Failure> GrowingFile::finish() {
  parts_.home.assert_in_thread();
  write_gathered();
  turn_ended();
  if (write_failed_) return cannot_write;
  run_.reset();
  hasher_->finish(written_);
  return std::nullopt;
}

void GrowingFile::finish_readers(Progress::State state) {
  if (progress_ && progress_->state() == Progress::State::growing) progress_->finish(state);
}

void GrowingFile::abandon() {
  parts_.home.assert_in_thread();
  hasher_->cancel();
  finish_readers(Progress::State::failed);
  gathered_ = 0;  // another fill may continue the file after the written bytes
}

bool GrowingFile::same_as_written(std::uint64_t offset, std::span<const std::byte> data) const {
  if (passing() && offset < slid_) {  // discarded bytes cannot be compared; they were hashed
    const auto gone = std::min<std::uint64_t>(slid_ - offset, data.size());
    offset += gone;
    data = data.subspan(gone);
  }
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

void GrowingFile::gather(std::span<const std::byte> data) {
  while (!data.empty() && !write_failed_) {
    const std::size_t room = run_size - arrived() % run_size;
    const auto piece = data.first(std::min(room, data.size()));
    std::memcpy(run_.get() + gathered_, piece.data(), piece.size());
    gathered_ += piece.size();
    data = data.subspan(piece.size());
    if (piece.size() == room) write_gathered();
    if (written_ - told_ >= untold_at_most) tell();
  }
}

void GrowingFile::write_gathered(std::size_t kept) {
  kept = std::min(kept, gathered_);
  const std::span run(run_.get(), gathered_ - kept);
  if (run.empty() || write_failed_) return;
  write_failed_ = !write_missing(written_, run, OnFailure::move_to_memory);
  if (write_failed_) {
    gathered_ = 0;
    return;
  }
  written_ += run.size();
  std::memmove(run_.get(), run_.get() + run.size(), kept);
  gathered_ = kept;
}

/// Available bytes are never overwritten.
bool GrowingFile::write_missing(std::uint64_t offset, std::span<const std::byte> run,
                                OnFailure then) {
  const Span span{offset, offset + run.size()};
  if (passing()) return write_run(offset, run, then);
  for (auto gap = there_.gap_in(span); !gap.empty(); gap = there_.gap_in(span)) {
    if (!write_run(gap.begin, run.subspan(gap.begin - offset, gap.length()), then)) return false;
    there_.add(gap);
  }
  return true;
}

bool GrowingFile::write_run(std::uint64_t offset, std::span<const std::byte> run, OnFailure then) {
  const auto write = [&] { return parts_.files.write(parts_.digest, *file_, offset, run); };
  if (room_ && !reserve_more(run.size())) {
    if (then == OnFailure::tell || !move_to_memory()) return false;
    bypass_ = metrics::BypassReason::disk_full;
    return write() == 0;
  }
  int error = write();
  if (error == 0 && room_) room_->wrote(run.size());
  if (error == 0) return true;
  if (passing()) return false;
  const bool full = error == ENOSPC || error == EDQUOT;
  // Other files have filled the disk: evictions may help, once.
  if (full && parts_.budget.make_room(run.size() + room_when_full)) error = write();
  if (error == 0) return true;
  if (!full) parts_.health.distrust();
  if (then == OnFailure::tell || !move_to_memory()) return false;
  bypass_ = full ? metrics::BypassReason::disk_full : metrics::BypassReason::disk_error;
  return write() == 0;
}

/// Room is reserved as the file grows, a step ahead. For ranges the fill claims it before.
bool GrowingFile::reserve_more(std::uint64_t bytes) {
  const auto wanted = there_.bytes() + bytes;
  if (wanted <= room_->bytes()) return true;
  const auto missing = wanted - room_->bytes();
  const auto step = std::max(missing, parts_.budget.step(there_.bytes()));
  const auto left = parts_.size ? size_on_disk(*parts_.size) - room_->bytes() : step;
  // Without room for a step there may be room for less: one call evicts a limited number of blobs.
  return parts_.budget.grow(*room_, std::max(missing, std::min(step, left))) ||
         parts_.budget.grow(*room_, missing);
}

/// The descriptor, and so every reader, gets a file in memory that has the bytes still needed.
bool GrowingFile::move_to_memory() {
  const std::uint64_t from = std::min(needed_from(), written_) / page * page;
  if (!progress_ || scattered() || written_ - from > moved_at_most) return false;
  const int memory = ::memfd_create("entrepot-passing", MFD_CLOEXEC);
  if (memory < 0) return false;
  std::vector<std::byte> needed(written_ - from);
  const auto size = static_cast<ssize_t>(needed.size());
  const auto at = static_cast<off_t>(from);
  const bool moved = ::pread(file_->fd(), needed.data(), needed.size(), at) == size &&
                     ::pwrite(memory, needed.data(), needed.size(), at) == size &&
                     ::dup3(memory, file_->fd(), O_CLOEXEC) == file_->fd();
  ::close(memory);
  if (!moved) return false;
  file_->set_discardable();
  // The kernel may still send moved bytes by reference: all of them stay to the end.
  slid_ = written_ / page * page + page;
  room_.reset();
  parts_.files.discard_fill(parts_.digest);
  return true;
}

std::uint64_t GrowingFile::needed_from() const {
  return std::min(readers_->slowest(), hasher_->hashed());
}

bool GrowingFile::full() const {
  return passing() && arrived() - std::min(needed_from(), arrived()) >= window;
}

/// The position of the fastest reader; one that begins further on waits for bytes to arrive.
std::uint64_t GrowingFile::front() const { return std::min(readers_->fastest(), written_); }

bool GrowingFile::uneven() const {
  const auto first = front();
  return first - std::min(first, readers_->slowest()) >= far_behind;
}

std::size_t GrowingFile::cut_slow() {
  const auto first = front();  // it may have left since
  return first < far_behind ? 0 : readers_->cut_before(first - far_behind, window);
}

void GrowingFile::slide() {
  const std::uint64_t until = std::min(needed_from(), written_) / page * page;
  if (until <= slid_) return;
  ::fallocate(file_->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(slid_),
              static_cast<off_t>(until - slid_));
  slid_ = until;
}

void GrowingFile::turn_ended() {
  turn_end_posted_ = false;
  write_gathered(arrived() == parts_.size ? 0 : arrived() % page);
  tell();
}

void GrowingFile::tell() {
  told_ = written_;
  hasher_->advance(written_);
  if (progress_ && progress_->state() == Progress::State::growing) progress_->release(written_);
}

}  // namespace entrepot::cache
