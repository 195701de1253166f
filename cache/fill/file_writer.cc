// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/file_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace entrepot::cache {
namespace {

/// Most bytes that move into memory. If readers need more, they are cut short.
constexpr std::uint64_t moved_at_most = 16 << 20;

int memory_file() { return ::memfd_create("entrepot-passing", MFD_CLOEXEC); }

}  // namespace

std::optional<FileWriter> FileWriter::create(const Parts& parts, Reservation room) {
  auto file = parts.files.create_fill(parts.digest, parts.size);
  if (!file) return std::nullopt;
  return FileWriter(parts, std::move(file), std::move(room));
}

std::optional<FileWriter> FileWriter::resume(const Parts& parts, const Extents& extents,
                                             Reservation room) {
  auto file = parts.files.reopen_fill(parts.digest, *parts.size);
  if (!file) return std::nullopt;
  FileWriter resumed(parts, std::move(file), std::move(room));
  resumed.extents_ = extents;
  return resumed;
}

std::optional<FileWriter> FileWriter::create_in_memory(const Parts& parts, BypassReason bypass) {
  const int fd = memory_file();
  if (fd < 0) return std::nullopt;
  FileWriter writer(parts, std::make_shared<const BlobFile>(fd), nullptr);
  writer.file_->set_discardable();
  writer.bypass_ = bypass;
  return writer;
}

FileWriter::FileWriter(const Parts& parts, std::shared_ptr<const BlobFile> file, Reservation room)
    : parts_(parts), file_(std::move(file)), room_(parts.budget, parts.size, std::move(room)) {}

FileWriter::Result FileWriter::write(std::uint64_t offset, std::span<const std::byte> run) {
  if (passing()) return write_run(offset, run);
  const Span span{offset, offset + run.size()};
  for (auto gap = extents_.gap_in(span); !gap.empty(); gap = extents_.gap_in(span)) {
    const auto result = write_run(gap.begin, run.subspan(gap.begin - offset, gap.length()));
    if (result != Result::written) return result;
    extents_.add(gap);
  }
  return Result::written;
}

FileWriter::Result FileWriter::write_run(std::uint64_t offset, std::span<const std::byte> run) {
  if (!room_.extend(extents_.bytes(), run.size())) return Result::disk_full;
  const auto write = [&] { return parts_.files.write(parts_.digest, *file_, offset, run); };
  int error = write();
  const bool full = !passing() && (error == ENOSPC || error == EDQUOT);
  // Other files have filled the disk: evictions may help, once.
  if (full && room_.evict_for(run.size())) error = write();
  if (error == 0) {
    room_.wrote(run.size());
    return Result::written;
  }
  if (full) return Result::disk_full;
  if (!passing()) parts_.health.distrust();
  return Result::disk_error;
}

bool FileWriter::move_to_memory(const Span& needed, Result failure) {
  const bool scattered = extents_.bytes() > needed.end;
  if (passing() || !parts_.size || scattered || needed.length() > moved_at_most) return false;
  const int memory = memory_file();
  if (memory < 0) return false;
  std::vector<std::byte> bytes(needed.length());
  const auto size = static_cast<ssize_t>(bytes.size());
  const auto at = static_cast<off_t>(needed.begin);
  const bool moved = ::pread(file_->fd(), bytes.data(), bytes.size(), at) == size &&
                     ::pwrite(memory, bytes.data(), bytes.size(), at) == size &&
                     ::dup3(memory, file_->fd(), O_CLOEXEC) == file_->fd();
  ::close(memory);
  if (!moved) return false;
  file_->set_discardable();
  room_.give_back();
  parts_.files.discard_fill(parts_.digest);
  bypass_ = failure == Result::disk_full ? BypassReason::disk_full : BypassReason::disk_error;
  return true;
}

bool FileWriter::holds(std::uint64_t offset, std::span<const std::byte> data) const {
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

bool FileWriter::differs(std::uint64_t offset, std::span<const std::byte> data) const {
  return extents_.covers({offset, offset + data.size()}) && !holds(offset, data);
}

}  // namespace entrepot::cache
