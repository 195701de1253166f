// SPDX-License-Identifier: Apache-2.0
#include "cache/store/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "cache/base/folder.h"

namespace entrepot::cache {

bool Disk::accepts_writes(std::uint64_t room) const {
  if (free_bytes() < room) return false;
  const auto path = layout_.probe();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  const bool wrote = ::write(fd, "x", 1) == 1 && ::fsync(fd) == 0;
  ::close(fd);
  return ::unlink(path.c_str()) == 0 && wrote;
}

std::uint64_t Disk::free_bytes() const {
  struct statvfs status;
  if (::statvfs(layout_.directory().c_str(), &status) != 0)
    return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Disk::Inodes Disk::inodes() const {
  struct statvfs status;
  // File systems without a fixed number of inodes report 0.
  if (::statvfs(layout_.directory().c_str(), &status) != 0 || status.f_files == 0) return {};
  return {status.f_files, status.f_favail};
}

std::uint64_t Disk::total_bytes() const {
  struct statvfs status;
  if (::statvfs(layout_.directory().c_str(), &status) != 0)
    return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize;
}

bool Disk::has_index() const {
  return ::access((layout_.index() / "CURRENT").c_str(), F_OK) == 0 || errno != ENOENT;
}

std::optional<std::uint64_t> Disk::bytes_in(const std::filesystem::path& folder) {
  std::uint64_t sum = 0;
  const auto error = for_each_entry(folder, [&sum](const auto& entry) {
    struct stat status;  // files that disappear during the iteration are ignored
    if (::lstat(entry.path().c_str(), &status) == 0)
      sum += static_cast<std::uint64_t>(status.st_blocks) * 512;
  });
  if (error && error != std::errc::no_such_file_or_directory) return std::nullopt;
  return sum;
}

std::optional<std::uint64_t> Disk::index_bytes() const { return bytes_in(layout_.index()); }

std::uint64_t cache_bound(std::uint64_t disk_bytes, const Limits& limits) {
  const auto reserved = std::min(disk_bytes, limits.reserve_free.load());
  return std::min(disk_bytes - reserved, limits.max_size.load());
}

}  // namespace entrepot::cache
