// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "cache/base/digest.h"
#include "cache/content/content.h"

namespace entrepot::cache {

/// Computes the digest of a whole file, reading it in pieces. Returns nullopt if a read fails, or
/// if `stopping` becomes true meanwhile. Blocks; call it on the store pool.
std::optional<Digest> digest_of_file(const BlobFile& file, Algorithm algorithm,
                                     const std::atomic<bool>& stopping);

}  // namespace entrepot::cache
