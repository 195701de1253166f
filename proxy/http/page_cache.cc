// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/page_cache.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

namespace entrepot::http {
namespace {

// What <linux/mman.h> says since 6.5; the headers we build with may be older than the kernel we
// run on. The number is the same on every architecture.
constexpr long cachestat_number = 451;
struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;
};
struct Cachestat {
  std::uint64_t cached;
  std::uint64_t dirty;
  std::uint64_t writeback;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};

// The kernel reads ahead about this much around a page, so one byte of each step tells of the rest.
constexpr std::uint64_t probe_step = 128 * 1024;

// False also where the kernel or a sandbox does not say.
bool counted_in_page_cache(int fd, std::uint64_t offset, std::uint64_t length) {
  static std::atomic<bool> unsupported{false};
  if (unsupported.load(std::memory_order_relaxed)) return false;
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const CachestatRange range{offset, length};
  Cachestat stat{};
  if (syscall(cachestat_number, fd, &range, &stat, 0U) == 0) {
    return stat.cached >= (offset + length - 1) / page - offset / page + 1;
  }
  if (errno == ENOSYS || errno == EPERM) unsupported.store(true, std::memory_order_relaxed);
  return false;
}

bool probe(int fd, std::uint64_t at) {
  char byte;
  const iovec piece{&byte, 1};
  return preadv2(fd, &piece, 1, static_cast<off_t>(at), RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

}  // namespace

bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0 || counted_in_page_cache(fd, offset, length)) return true;
  // A count that falls short is no proof: an overlay keeps its pages under another inode.
  for (std::uint64_t at = offset; at < offset + length; at += probe_step)
    if (!probe(fd, at)) return false;
  return probe(fd, offset + length - 1);
}

bool read_into_page_cache(int fd, std::uint64_t offset, std::uint64_t length) {
  thread_local std::vector<char> scratch(256 * 1024);
  while (length > 0) {
    const std::size_t n = std::min<std::uint64_t>(length, scratch.size());
    const ssize_t got = pread(fd, scratch.data(), n, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace entrepot::http
