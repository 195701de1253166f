// SPDX-License-Identifier: Apache-2.0
// Opening the index's database: its settings, its format, and what is done about a damaged one.
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
};

/// What a database for a cache of `max_size` bytes has in memory and in its logs at most: the room
/// that opening one takes.
std::uint64_t most_unsorted(std::uint64_t max_size);

/// Opens or creates it, with buffers and logs that suit a cache of `max_size` bytes. One that is
/// damaged is moved aside. Throws OpenError (options.h).
OpenedRocks open_rocks(const std::filesystem::path& path, std::uint64_t max_size);

}  // namespace entrepot::cache
