// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/page_cache.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

namespace entrepot::http {
namespace {

// The kernel reads about this much around a page, so one byte stands for a step.
constexpr std::uint64_t probe_step = 128 * 1024;
constexpr std::uint64_t largest_piece = 1 << 20;
constexpr std::size_t largest_copy = 256 * 1024;

/// Arguments of cachestat(2), which the C library of Debian 12 does not have.
struct CacheStatRange {
  std::uint64_t offset, length;
};
struct CacheStat {
  std::uint64_t cached, dirty, writeback, evicted, recently_evicted;  // pages
};
/// The same on every architecture.
constexpr long cachestat_number = 451;

/// False if a page of the range is missing; those that the disk has not delivered yet do not count
/// as missing. True before Linux 6.5, and where a sandbox forbids the call.
bool all_pages_present(int fd, std::uint64_t offset, std::uint64_t length) {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  static std::atomic<bool> supported{true};
  if (!supported.load(std::memory_order_relaxed)) return true;
  CacheStatRange range{offset, length};
  CacheStat found{};
  if (::syscall(cachestat_number, fd, &range, &found, 0) != 0) {
    if (errno == ENOSYS || errno == EPERM) supported.store(false, std::memory_order_relaxed);
    return true;
  }
  return found.cached >= (offset + length - 1) / page - offset / page + 1;
}

enum class Probe : std::uint8_t { there, missing, unsupported };

Probe probe(int fd, std::uint64_t at) {
  char byte;
  const iovec piece{&byte, 1};
  if (preadv2(fd, &piece, 1, static_cast<off_t>(at), RWF_NOWAIT) >= 0) return Probe::there;
  return errno == EAGAIN ? Probe::missing : Probe::unsupported;
}

/// Reads into the page cache only: a copy to user space would cost as much as sending the bytes.
ssize_t read_piece(int fd, std::uint64_t offset, std::size_t length) {
  static const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  auto from = static_cast<off_t>(offset);
  const ssize_t got = ::sendfile(nowhere, fd, &from, length);
  if (got >= 0 || errno == EIO || errno == EINTR) return got;
  // /dev/null is missing, no descriptor is left, or the file system does not support it.
  thread_local std::vector<char> scratch(largest_copy);
  return ::pread(fd, scratch.data(), std::min(length, scratch.size()), static_cast<off_t>(offset));
}

}  // namespace

bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
  const std::uint64_t last = offset + length - 1;
  for (std::uint64_t at = offset;; at = std::min(at + probe_step, last)) {
    const Probe result = probe(fd, at);
    if (result != Probe::there) return result == Probe::unsupported;
    if (at == last) return all_pages_present(fd, offset, length);
  }
}

bool read_into_page_cache(int fd, std::uint64_t offset, std::uint64_t length, std::uint64_t ahead) {
  ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length + ahead),
                  POSIX_FADV_WILLNEED);
  while (length > 0) {
    const ssize_t got = read_piece(fd, offset, std::min(length, largest_piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace entrepot::http
