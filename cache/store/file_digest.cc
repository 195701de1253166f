// SPDX-License-Identifier: Apache-2.0
#include "cache/store/file_digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <vector>

namespace entrepot::cache {

std::optional<Digest> digest_of_file(const BlobFile& file, Algorithm algorithm,
                                     const std::atomic<bool>& stopping) {
  ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<std::byte> piece(256 << 10);
  Hasher hasher(algorithm);
  for (off_t at = 0; !stopping;) {
    const ssize_t got = ::pread(file.fd(), piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return hasher.finish();
    hasher.update(std::span(piece).first(static_cast<std::size_t>(got)));
    at += got;
  }
  return std::nullopt;
}

}  // namespace entrepot::cache
