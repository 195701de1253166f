// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::http {

/// Whether a read of [offset, offset + length) of the file is unlikely to wait for a disk. Never
/// waits itself, and is cheap enough to be called for each window of a reply. Any thread.
/// cachestat(2) tells whether each page is there, since the kernel may have evicted single ones; a
/// byte per 128 KiB, read with RWF_NOWAIT, tells whether the disk has delivered them. Before Linux
/// 6.5 the latter alone decides. Returns true for a file that does not support RWF_NOWAIT.
bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t length);

/// Reads the range, so that in_page_cache() becomes true, and starts to read the `ahead` bytes
/// after it without waiting for them. Blocks on the disk. False: the range could not be read.
bool read_into_page_cache(int fd, std::uint64_t offset, std::uint64_t length, std::uint64_t ahead);

}  // namespace entrepot::http
