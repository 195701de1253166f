// SPDX-License-Identifier: Apache-2.0
// Opens the database of the index: its settings, its format version, and the recovery from damage.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace entrepot::cache {

/// The column families, in the order in which they are opened.
enum Family : std::size_t {
  default_family,
  blobs_family,
  manifests_family,
  contents_family,
  tags_family,
  links_family,
  meta_family,
  family_count
};

struct OpenedRocks {
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> families{};
  bool was_damaged = false;  ///< another one was there before, and was moved aside
};

/// Maximum size of write buffers and logs of a database for a cache of `max_size` bytes. This is
/// the disk space needed to open it.
std::uint64_t max_unflushed_size(std::uint64_t max_size);

/// Opens or creates the database, with buffers and logs suitable for a cache of `max_size` bytes.
/// Moves a damaged one aside. Throws OpenError (open_error.h).
OpenedRocks open_rocks(const std::filesystem::path& path, std::uint64_t max_size);
/// Opens the database as it is now, without its lock: another process may write it meanwhile, which
/// is not seen. Without a `db` if that fails, which is logged.
OpenedRocks open_rocks_for_reading(const std::filesystem::path& path, std::uint64_t max_size);

}  // namespace entrepot::cache
