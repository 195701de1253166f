// SPDX-License-Identifier: Apache-2.0
#include "cache/rocks_index.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

#include "cache/layout.h"
#include "cache/options.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

enum Family : std::size_t { default_family, blobs, manifests, tags, links, meta, family_count };
constexpr std::array<const char*, family_count> family_names = {"default", "blobs", "manifests",
                                                                "tags",    "links", "meta"};

/// RocksDB's own log file is written through code that asserts on a full disk (Debian builds it
/// with assertions), so its messages go to our log instead, warnings and worse only.
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

rocksdb::Options make_options(std::uint64_t max_size) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<LogBridge>();
  options.max_open_files = 256;
  options.max_background_jobs = 2;
  options.keep_log_file_num = 1;
  options.allow_fallocate = false;  // megabytes set aside for each log count for du, and for us
  // What is not in sorted files yet counts towards the cache's size too: little in a small cache.
  options.db_write_buffer_size = std::clamp<std::uint64_t>(max_size / 64, 1ULL << 20, 16ULL << 20);
  options.max_total_wal_size = std::clamp<std::uint64_t>(max_size / 32, 2ULL << 20, 64ULL << 20);
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(8ULL << 20);
  // Most look-ups are for what is not there (a miss): a filter saves their disk reads.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

[[noreturn]] void refuse_format(const std::filesystem::path& index, const std::string& found) {
  throw OpenError("cache directory " + index.parent_path().string() + " has format version " +
                  found + ", this program reads version " + std::string(format_version) +
                  "; name another cache.directory or remove this one");
}

/// Another version may have families that this one does not know, and RocksDB opens a database with
/// all of its families or not at all, unless it is to be read only.
void refuse_unknown_families(const rocksdb::Options& options, const std::string& path) {
  std::vector<std::string> present;
  // Failing means a new index, or a broken one, of which the opening tells more.
  if (!rocksdb::DB::ListColumnFamilies(options, path, &present).ok()) return;
  const auto known = [](const std::string& name) {
    return std::find(family_names.begin(), family_names.end(), name) != family_names.end();
  };
  if (std::all_of(present.begin(), present.end(), known)) return;
  std::string found = "unknown";
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const std::vector<rocksdb::ColumnFamilyDescriptor> some = {{family_names[default_family], {}},
                                                             {family_names[meta], {}}};
  if (rocksdb::DB::OpenForReadOnly(options, path, some, &handles, &db).ok()) {
    const std::unique_ptr<rocksdb::DB> owned(db);
    static_cast<void>(db->Get({}, handles[1], "format", &found));
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }
  refuse_format(path, found);
}

/// Not what a disk says that fails now: then nothing must be moved.
bool is_damaged(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() || status.IsInvalidArgument() ||
         status.IsNotFound();
}

/// A lost index costs a look at the files, whose names tell what they are; tags are asked for anew.
bool move_aside(const std::filesystem::path& path, const std::string& why) {
  auto aside = path;
  aside += ".damaged";
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(path, aside, error);
  if (!error) std::filesystem::create_directory(path, error);
  if (error) return false;
  log::error(
      "cache index {} is damaged ({}); it is moved to {} and a new one is made from the "
      "files",
      path.string(), why, aside.string());
  return true;
}

}  // namespace

class RocksIndex::Impl {
 public:
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> families{};

  std::optional<std::string> get(Family family, std::string_view key) const {
    std::string value;
    const auto status = db->Get({}, families[family], slice(key), &value);
    if (status.ok()) return value;
    if (!status.IsNotFound()) log::error("index: reading failed: {}", status.ToString());
    return std::nullopt;
  }

  rocksdb::Status put(Family family, std::string_view key, const std::string& value, bool sync) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db->Put(options, families[family], slice(key), value);
  }

  bool has(Family family, std::string_view key) const {
    rocksdb::PinnableSlice value;
    return db->Get({}, families[family], slice(key), &value).ok();
  }

  std::int64_t count(Family family) const {
    const std::unique_ptr<rocksdb::Iterator> all(db->NewIterator({}, families[family]));
    std::int64_t keys = 0;
    for (all->SeekToFirst(); all->Valid(); all->Next()) ++keys;
    return keys;
  }
};

RocksIndex::RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
                       const metrics::Metrics& metrics)
    : impl_(std::make_unique<Impl>()), index_errors_(metrics.disk_errors("index")) {
  const auto options = make_options(max_size);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(std::size(family_names));
  for (const char* name : family_names) {
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions(options));
  }
  refuse_unknown_families(options, path.string());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, path.string(), descriptors, &handles, &db);
  if (is_damaged(status) && move_aside(path, status.ToString())) {
    status = rocksdb::DB::Open(options, path.string(), descriptors, &handles, &db);
  }
  if (!status.ok()) {
    throw OpenError("cache index " + path.string() + " cannot be opened: " + status.ToString() +
                    "; move it away to start with an empty one");
  }
  impl_->db.reset(db);
  std::copy(handles.begin(), handles.end(), impl_->families.begin());

  const auto format = impl_->get(meta, "format");
  if (!format) {
    if (!impl_->put(meta, "format", std::string(format_version), true).ok()) {
      static_cast<void>(impl_.release());  // as in the destructor
      throw OpenError("cache index " + path.string() + " cannot be written");
    }
  } else if (*format != format_version) {
    for (auto* handle : impl_->families) impl_->db->DestroyColumnFamilyHandle(handle);
    refuse_format(path, *format);
  }
}

RocksIndex::~RocksIndex() {
  if (!healthy()) {
    // Closing after a failed write of its log aborts (7.8); the process is about to end anyway.
    static_cast<void>(impl_.release());
    return;
  }
  for (auto* handle : impl_->families) impl_->db->DestroyColumnFamilyHandle(handle);
}

bool RocksIndex::written(bool ok, const std::string& status) {
  if (ok) return true;
  index_errors_.add();
  if (healthy_.exchange(false)) {
    log::error(
        "index: writing failed: {}; nothing new is kept from now on. Free space or repair the disk "
        "under the cache directory and restart",
        status);
  }
  return false;
}

std::optional<BlobRecord> RocksIndex::blob(const Digest& digest) const {
  const auto value = impl_->get(blobs, digest_key(digest));
  return value ? decode_blob(*value) : std::nullopt;
}

std::optional<ManifestRecord> RocksIndex::manifest(const Digest& digest) const {
  const auto value = impl_->get(manifests, digest_key(digest));
  return value ? decode_manifest(*value) : std::nullopt;
}

std::optional<TagRecord> RocksIndex::tag(std::string_view key) const {
  const auto value = impl_->get(tags, key);
  return value ? decode_tag(*value) : std::nullopt;
}

std::optional<LinkRecord> RocksIndex::link(std::string_view key) const {
  const auto value = impl_->get(links, key);
  return value ? decode_link(*value) : std::nullopt;
}

bool RocksIndex::put_blob(const Digest& digest, const BlobRecord& record) {
  const auto status = impl_->put(blobs, digest_key(digest), encode(record), false);
  return written(status.ok(), status.ToString());
}

bool RocksIndex::erase_blob(const Digest& digest) {
  const auto status = impl_->db->Delete({}, impl_->families[blobs], digest_key(digest));
  return written(status.ok(), status.ToString());
}

bool RocksIndex::put_manifest(const Digest& digest, const ManifestRecord& record) {
  const auto key = digest_key(digest);
  if (!impl_->has(manifests, key)) manifest_count_.fetch_add(1, std::memory_order_relaxed);
  const auto status = impl_->put(manifests, key, encode(record), false);
  return written(status.ok(), status.ToString());
}

bool RocksIndex::put_links(const std::vector<std::string>& keys, const LinkRecord& record) {
  rocksdb::WriteBatch batch;
  const std::string value = encode(record);
  for (const auto& key : keys) batch.Put(impl_->families[links], key, value);
  const auto status = impl_->db->Write({}, &batch);
  return written(status.ok(), status.ToString());
}

bool RocksIndex::erase_link(std::string_view key) {
  const auto status = impl_->db->Delete({}, impl_->families[links], slice(key));
  return written(status.ok(), status.ToString());
}

bool RocksIndex::put_tag(std::string_view key, const TagRecord& record) {
  if (!impl_->has(tags, key)) tag_count_.fetch_add(1, std::memory_order_relaxed);
  const auto status = impl_->put(tags, key, encode(record), true);
  return written(status.ok(), status.ToString());
}

bool RocksIndex::erase_tag(std::string_view key) {
  if (impl_->has(tags, key)) tag_count_.fetch_sub(1, std::memory_order_relaxed);
  rocksdb::WriteOptions options;
  options.sync = true;  // a deleted tag must not come back (case U26)
  const auto status = impl_->db->Delete(options, impl_->families[tags], slice(key));
  return written(status.ok(), status.ToString());
}

void RocksIndex::for_each_blob(
    const std::function<bool(const Digest&, std::uint64_t, bool)>& visit) const {
  const std::unique_ptr<rocksdb::Iterator> all(impl_->db->NewIterator({}, impl_->families[blobs]));
  for (all->SeekToFirst(); all->Valid(); all->Next()) {
    const auto digest = parse_digest_key(all->key().ToStringView());
    const auto record = decode_blob(all->value().ToStringView());
    if (digest && record && !visit(*digest, record->size, record->bytes.has_value())) return;
  }
}

void RocksIndex::count_existing() {
  manifest_count_.fetch_add(impl_->count(manifests), std::memory_order_relaxed);
  tag_count_.fetch_add(impl_->count(tags), std::memory_order_relaxed);
}

}  // namespace entrepot::cache
