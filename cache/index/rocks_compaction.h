// SPDX-License-Identifier: Apache-2.0
// Reclaims the space of erased values of the index.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "cache/index/rocks_open.h"

namespace entrepot::cache {

/// Merges the contents family, which deletes value files that contain only erased bytes. If more
/// than `spared` erased bytes remain in other files, rewrites as few of the oldest files as
/// necessary without them. Blocks; `stop` cancels it. Returns the number of erased bytes left in
/// files; nullopt if a step failed.
std::optional<std::uint64_t> compact_contents(const OpenedRocks& rocks, std::uint64_t spared,
                                              std::atomic<bool>& stop);

}  // namespace entrepot::cache
