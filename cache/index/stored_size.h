// SPDX-License-Identifier: Apache-2.0
// The space that objects take on disk. Pure; any thread.
#pragma once

#include <cstdint>

namespace entrepot::cache {

/// The growing file of a fill is written in whole pages of this size, except at the end of the
/// object, so that a later process finds the missing bytes as holes (left_fills.h). Bytes.
inline constexpr std::uint64_t page_size = 4096;

/// Disk space of a file of `size` bytes, rounded up to file system blocks.
constexpr std::uint64_t size_on_disk(std::uint64_t size) {
  constexpr std::uint64_t block = 4096;
  return (size + block - 1) / block * block;
}

/// Values from this size on are stored in value files (rocks_open.cc), which merges of tables do
/// not rewrite. Smaller values take less space in the tables.
inline constexpr std::uint64_t value_files_from = 4096;

/// Size of an inline object in RocksDB: its value and its key. The key is stored once in a table
/// and, for values from value_files_from on, again beside the value.
constexpr std::uint64_t size_in_index(std::uint64_t size) {
  return size + (size < value_files_from ? 48 : 128);
}

}  // namespace entrepot::cache
