// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/page_cache.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace entrepot::http {
namespace {

// The kernel reads ahead about this much around a page, so one byte of each step tells of the rest.
constexpr std::uint64_t probe_step = 128 * 1024;

bool probe(int fd, std::uint64_t at) {
  char byte;
  const iovec piece{&byte, 1};
  return preadv2(fd, &piece, 1, static_cast<off_t>(at), RWF_NOWAIT) >= 0 || errno != EAGAIN;
}

}  // namespace

bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
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
