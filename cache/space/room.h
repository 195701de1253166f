// SPDX-License-Identifier: Apache-2.0
// Whether the configured sizes leave room for anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "cache/api/options.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

/// The file system of the cache, and the configured sizes. Bytes.
struct Numbers {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t used = 0;  ///< by files of the cache, which are evicted for others
  std::uint64_t max_size = 0;
  std::uint64_t reserve_free = 0;
};

/// nullopt: objects can be stored. Pure.
std::optional<metrics::NoRoom> no_room(const Numbers& numbers);

/// One line: what is wrong, where, and what to do. Pure.
std::string no_room_text(metrics::NoRoom reason, const Numbers& numbers,
                         const std::filesystem::path& directory);

/// The file system of `directory`, or of the nearest parent that exists. The largest numbers if
/// they are unknown. The other numbers are 0.
Numbers space_of(const std::filesystem::path& directory);

/// `options` with the sizes of percentages.
Options with_sizes(Options options);

/// For a check before the start: no_room_text() for `options`, or nullopt. The files of a cache
/// that exists already are taken for room.
std::optional<std::string> fault_of_room(const Options& options);

}  // namespace entrepot::cache
