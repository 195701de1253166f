// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "cache/content.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// Reads the file from its beginning to its end, a piece at a time. nullopt where it cannot be
/// read, or `stopping` came true meanwhile. Blocks: store pool.
std::optional<Digest> digest_of_file(const BlobFile& file, Algorithm algorithm,
                                     const std::atomic<bool>& stopping);

}  // namespace entrepot::cache
