// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cache/index/layout.h"
#include "cache/store/partial_blobs.h"

namespace entrepot::cache {

/// Returns the files that earlier processes have left under fills/, oldest first, and removes files
/// that no fill can have written. Call it before the loops start; it blocks on the disk.
///
/// There is no record of extents: the file system knows which bytes of a sparse file are written.
/// Fills write whole pages, so that is exact after a crash of the process, and also after a crash
/// of the machine: file systems show an extent once its bytes are on the disk. On a file system
/// that does not know extents to the page, no file is trusted.
std::vector<PartialBlobs::Partial> left_fills(const Layout& layout);

}  // namespace entrepot::cache
