// SPDX-License-Identifier: Apache-2.0
// Giving back the room of what was erased from the index.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "cache/rocks_open.h"

namespace entrepot::cache {

/// Merges the family of contents, so that files of which everything was erased go. What was erased
/// from files that also hold what is needed is then known; where that is more than `spared` bytes,
/// the oldest of those files are written anew without it, as few as it takes. Blocks; `stop` ends
/// it early. Returns the erased bytes that still lie in files; nullopt where a step failed.
std::optional<std::uint64_t> compact_contents(OpenedRocks& rocks, std::uint64_t spared,
                                              std::atomic<bool>& stop);

}  // namespace entrepot::cache
