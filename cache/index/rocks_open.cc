// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_open.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/open_error.h"
#include "cache/index/index.h"
#include "cache/index/layout.h"
#include "cache/index/stored_size.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

constexpr std::array<const char*, family_count> family_names = {
    "default", "blobs", "manifests", "contents", "tags", "links", "meta"};

/// RocksDB's own logger asserts on a full disk (Debian builds it with assertions), so its messages
/// go to our log, warnings and errors only.
class LogBridge : public rocksdb::Logger {
 public:
  LogBridge() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 512> line;
    std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string_view text(line.data());
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    log::warn("index: {}", text);
  }
};

/// Small, because startup replays the logs at 35 to 70 MiB per second.
std::uint64_t write_buffers(std::uint64_t max_size) {
  return std::clamp<std::uint64_t>(max_size / 64, 1ULL << 20, 4ULL << 20);
}

std::uint64_t write_logs(std::uint64_t max_size) {
  return std::clamp<std::uint64_t>(max_size / 64, 1ULL << 20, 8ULL << 20);
}

rocksdb::Options make_options(std::uint64_t max_size) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<LogBridge>();
  options.max_open_files = 256;
  options.max_background_jobs = 2;
  options.keep_log_file_num = 1;
  options.allow_fallocate = false;  // preallocated logs would count as disk usage
  // Unflushed data counts towards the cache size too, so buffers are small in a small cache.
  options.db_write_buffer_size = write_buffers(max_size);
  // Writers that are faster than the disk are stalled, which bounds the size of files.
  options.write_buffer_size = write_buffers(max_size);
  options.max_write_buffer_number = 4;
  options.max_total_wal_size = write_logs(max_size);
  options.arena_block_size = 64 << 10;  // each family allocates one; 1 MiB by default
  // The list of files, which grows with each flush and merge until the next start; 1 GiB by
  // default.
  options.max_manifest_file_size = std::clamp<std::uint64_t>(max_size / 512, 64 << 10, 4 << 20);
  // In proportion to the buffers; otherwise every few flushes would be merged with all data.
  options.level_compaction_dynamic_level_bytes = true;
  options.max_bytes_for_level_base = 32ULL << 20;
  options.target_file_size_base = 8ULL << 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(8ULL << 20);
  // Most look-ups are for absent keys (a miss): a filter saves their disk reads.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

/// Objects are evicted in about the order in which they were stored. A value file is written once
/// and deleted when all its values are erased, which costs almost nothing. In tables, which are
/// ordered by digest, each merge would rewrite all values.
rocksdb::ColumnFamilyOptions contents_options(const rocksdb::Options& options,
                                              std::uint64_t max_size) {
  rocksdb::ColumnFamilyOptions contents(options);
  contents.enable_blob_files = true;
  contents.min_blob_size = value_files_from;
  contents.blob_file_size = std::clamp<std::uint64_t>(max_size / 64, 1ULL << 20, 32ULL << 20);
  return contents;
}

[[noreturn]] void refuse_format(const std::filesystem::path& index, const std::string& found) {
  throw OpenError("cache directory " + index.parent_path().string() + " has format version " +
                  found + ", this program reads version " + std::string(format_version) +
                  "; name another cache.directory or remove this one");
}

/// Another version may have families that this one does not know. RocksDB requires all families to
/// be opened, unless the database is read-only.
void refuse_unknown_families(const rocksdb::Options& options, const std::string& path) {
  std::vector<std::string> present;
  // A failure means a new index or a damaged one; the open reports more detail.
  if (!rocksdb::DB::ListColumnFamilies(options, path, &present).ok()) return;
  const auto known = [](const std::string& name) {
    return std::find(family_names.begin(), family_names.end(), name) != family_names.end();
  };
  if (std::all_of(present.begin(), present.end(), known)) return;
  std::string found = "unknown";
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const std::vector<rocksdb::ColumnFamilyDescriptor> some = {{family_names[default_family], {}},
                                                             {family_names[meta_family], {}}};
  if (rocksdb::DB::OpenForReadOnly(options, path, some, &handles, &db).ok()) {
    const std::unique_ptr<rocksdb::DB> owned(db);
    static_cast<void>(db->Get({}, handles[1], "format", &found));
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }
  refuse_format(path, found);
}

/// Excludes transient disk errors, after which the index must not be moved.
bool is_damaged(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() || status.IsInvalidArgument() ||
         status.IsNotFound();
}

/// Moves a damaged index aside. The new index is rebuilt from the names of files; tags are
/// requested from the upstream again.
bool move_aside(const std::filesystem::path& path, const std::string& why) {
  auto aside = path;
  aside += ".damaged";
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(path, aside, error);
  if (!error) std::filesystem::create_directory(path, error);
  if (error) return false;
  log::error(
      "cache index {} is damaged ({}); it is moved to {} and a new one is rebuilt "
      "from the files",
      path.string(), why, aside.string());
  return true;
}

std::vector<rocksdb::ColumnFamilyDescriptor> families_of(const rocksdb::Options& options,
                                                         std::uint64_t max_size) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(std::size(family_names));
  for (const char* name : family_names)
    families.emplace_back(name, rocksdb::ColumnFamilyOptions(options));
  families[contents_family].options = contents_options(options, max_size);
  return families;
}

/// Writes the format version into a new index. Throws if an existing index has another version.
void check_format(OpenedRocks& opened, const std::filesystem::path& path) {
  std::string found;
  const auto status = opened.db->Get({}, opened.families[meta_family], "format", &found);
  if (status.ok() && found == format_version) return;
  if (status.ok()) {
    for (auto* handle : opened.families) opened.db->DestroyColumnFamilyHandle(handle);
    refuse_format(path, found);
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const std::string version(format_version);
  const auto written = opened.db->Put(synced, opened.families[meta_family], "format", version);
  if (written.ok()) return;
  static_cast<void>(opened.db.release());  // closing after a failed write aborts (RocksDB 7.8)
  const auto text = "cache index " + path.string() + " cannot be written: " + written.ToString();
  if (written.IsNoSpace()) throw OpenLaterError(text);
  throw OpenError(text);
}

}  // namespace

std::uint64_t max_unflushed_size(std::uint64_t max_size) {
  return write_buffers(max_size) + write_logs(max_size);
}

OpenedRocks open_rocks(const std::filesystem::path& path, std::uint64_t max_size) {
  const auto options = make_options(max_size);
  const auto descriptors = families_of(options, max_size);
  refuse_unknown_families(options, path.string());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, path.string(), descriptors, &handles, &db);
  OpenedRocks opened;
  if (is_damaged(status) && move_aside(path, status.ToString())) {
    opened.was_damaged = true;
    status = rocksdb::DB::Open(options, path.string(), descriptors, &handles, &db);
  }
  if (status.IsNoSpace()) {
    throw OpenLaterError("cache index " + path.string() + " cannot be opened: " +
                         status.ToString() + "; make room on that file system");
  }
  if (!status.ok()) {
    throw OpenError("cache index " + path.string() + " cannot be opened: " + status.ToString() +
                    "; move it away to start with an empty one");
  }
  opened.db.reset(db);
  std::copy(handles.begin(), handles.end(), opened.families.begin());
  check_format(opened, path);
  return opened;
}

OpenedRocks open_rocks_for_reading(const std::filesystem::path& path, std::uint64_t max_size) {
  auto options = make_options(max_size);
  options.max_open_files = -1;  // the writer may delete files, so all are opened now
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(options, path.string(),
                                                   families_of(options, max_size), &handles, &db);
  OpenedRocks opened;
  if (status.ok()) {
    opened.db.reset(db);
    std::copy(handles.begin(), handles.end(), opened.families.begin());
  } else {
    log::warn("cache index {} cannot be opened for reading: {}", path.string(), status.ToString());
  }
  return opened;
}

}  // namespace entrepot::cache
