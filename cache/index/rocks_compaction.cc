// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_compaction.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace entrepot::cache {
namespace {

/// The value files, oldest first.
std::vector<rocksdb::BlobMetaData> value_files(const OpenedRocks& rocks) {
  rocksdb::ColumnFamilyMetaData family;
  rocks.db->GetColumnFamilyMetaData(rocks.families[contents_family], &family);
  std::ranges::sort(family.blob_files, {}, &rocksdb::BlobMetaData::blob_file_number);
  return std::move(family.blob_files);
}

std::uint64_t erased_in(const std::vector<rocksdb::BlobMetaData>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) bytes += file.garbage_blob_bytes;
  return bytes;
}

/// The fraction of the files, starting with the oldest, that contains `erased` erased bytes.
double oldest_with(const std::vector<rocksdb::BlobMetaData>& files, std::uint64_t erased) {
  std::size_t count = 0;
  for (std::uint64_t found = 0; count < files.size() && found < erased; ++count)
    found += files[count].garbage_blob_bytes;
  // RocksDB rounds the number of files down.
  return std::min((static_cast<double>(count) + 0.5) / static_cast<double>(files.size()), 1.0);
}

}  // namespace

std::optional<std::uint64_t> compact_contents(const OpenedRocks& rocks, std::uint64_t spared,
                                              std::atomic<bool>& stop) {
  // Flushes all families: their common log is deleted only when none of them needs it.
  const std::vector<rocksdb::ColumnFamilyHandle*> all(rocks.families.begin(), rocks.families.end());
  if (!rocks.db->Flush({}, all).ok()) return std::nullopt;
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;  // flushes, and therefore writes, continue
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.canceled = &stop;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  const auto run = [&] {
    return rocks.db->CompactRange(options, rocks.families[contents_family], nullptr, nullptr).ok();
  };
  if (!run()) return std::nullopt;
  const auto files = value_files(rocks);
  const auto erased = erased_in(files);
  if (erased <= spared) return erased;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = oldest_with(files, erased - spared / 2);
  if (!run()) return std::nullopt;
  return erased_in(value_files(rocks));
}

}  // namespace entrepot::cache
