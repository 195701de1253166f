// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cache/index/layout.h"
#include "cache/store/partial_blobs.h"

namespace entrepot::cache {

/// What earlier processes have left under fills/, oldest first; removes what is none of ours.
/// Before the loops start; blocks on the disk.
///
/// There is no record of extents: the file system knows which bytes of a sparse file are there.
/// What arrives is written in whole pages, so that is exact after a crash of the process, and after
/// one of the machine too: file systems show an extent once its bytes are on the disk. Where a
/// file system does not tell it to the page, nothing is trusted.
std::vector<PartialBlobs::Partial> left_fills(const Layout& layout);

}  // namespace entrepot::cache
