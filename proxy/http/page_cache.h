// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace entrepot::http {

/// Whether reading [offset, offset + length) of the file would most likely not wait for a disk.
/// Never waits itself; cheap enough for each window of a reply. Any thread.
/// Probes every 128 KiB with RWF_NOWAIT, because only that tells pages that are there from those
/// that are still on their way from the disk, which cachestat(2) counts as well. A file that cannot
/// do it is taken as it comes: true.
bool in_page_cache(int fd, std::uint64_t offset, std::uint64_t length);

/// The slow half: reads the range so that in_page_cache() becomes true, and asks the disk for the
/// `ahead` bytes behind it, for which it does not wait. Blocks on the disk. False: it could not be
/// read.
bool read_into_page_cache(int fd, std::uint64_t offset, std::uint64_t length, std::uint64_t ahead);

}  // namespace entrepot::http
