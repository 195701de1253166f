// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_index.h"

#include <utility>

#include "cache/index/layout.h"
#include "cache/index/rocks_compaction.h"
#include "cache/index/rocks_open.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

std::string blob_contents_key(const Digest& digest) { return "b" + digest_key(digest); }
std::string manifest_contents_key(const Digest& digest) { return "m" + digest_key(digest); }

}  // namespace

class RocksIndex::Impl : public OpenedRocks {
 public:
  explicit Impl(OpenedRocks opened) : OpenedRocks(std::move(opened)) {}

  /// An index that must not be closed. Referenced here so that leak checkers do not report it.
  static inline Impl* left_open = nullptr;

  std::optional<std::string> get(Family family, std::string_view key) const {
    std::string value;
    const auto status = db->Get({}, families[family], slice(key), &value);
    if (status.ok()) return value;
    if (!status.IsNotFound()) log::error("index: reading failed: {}", status.ToString());
    return std::nullopt;
  }

  template <typename Decode>
  auto record(Family family, std::string_view key, Decode decode) const {
    const auto value = get(family, key);
    return value ? decode(*value) : std::nullopt;
  }

  rocksdb::Status put(Family family, std::string_view key, std::string_view value,
                      bool sync = false) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db->Put(options, families[family], slice(key), slice(value));
  }

  rocksdb::Status erase(Family family, std::string_view key, bool sync = false) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db->Delete(options, families[family], slice(key));
  }

  bool has(Family family, std::string_view key) const {
    rocksdb::PinnableSlice value;
    return db->Get({}, families[family], slice(key), &value).ok();
  }

  /// `visit` returns false to stop.
  template <typename Visit>
  bool for_each(Family family, std::string_view from, Visit visit) const {
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // a full scan must not displace records in use
    const std::unique_ptr<rocksdb::Iterator> all(db->NewIterator(options, families[family]));
    for (all->Seek(slice(from)); all->Valid(); all->Next()) {
      if (!visit(all->key().ToStringView(), all->value().ToStringView())) return true;
    }
    if (all->status().ok()) return true;
    log::error("index: reading failed: {}", all->status().ToString());
    return false;
  }

  /// As above, for keys that are digests. `visit` receives the result of `decode`.
  template <typename Decode, typename Visit>
  bool for_each_digest(Family family, const std::optional<Digest>& after, Decode decode,
                       const Visit& visit) const {
    const auto from = after ? digest_key(*after) + '\0' : std::string();
    return for_each(family, from, [&](std::string_view key, std::string_view value) {
      const auto digest = parse_digest_key(key);
      const auto record = decode(value);
      return !digest || !record || visit(*digest, *record);
    });
  }
};

RocksIndex::RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
                       const metrics::Metrics& metrics)
    : impl_(std::make_unique<Impl>(open_rocks(path, max_size))),
      space_to_open_(max_unflushed_size(max_size)),
      index_errors_(metrics.disk().errors("index")) {}

RocksIndex::~RocksIndex() {
  if (!healthy()) {
    // Closing after a failed write of its log aborts (RocksDB 7.8); the process is about to end
    // anyway.
    Impl::left_open = impl_.release();
    return;
  }
  for (auto* handle : impl_->families) impl_->db->DestroyColumnFamilyHandle(handle);
}

template <typename Status>
bool RocksIndex::written(const Status& status) {
  if (status.ok()) return true;
  index_errors_.add();
  if (status.IsNoSpace() || full_) {
    if (!full_.exchange(true)) {
      log::error(
          "index: writing failed: {}; nothing new is kept until there is room again under the "
          "cache directory",
          status.ToString());
    }
  } else if (healthy_.exchange(false)) {
    log::error(
        "index: writing failed: {}; nothing new is kept from now on. This process will ask for "
        "a restart as soon as the cache directory can be written",
        status.ToString());
  }
  return false;
}

bool RocksIndex::recover() {
  if (!full_ || !healthy()) return true;
  // RocksDB refuses all writes after a background error until Resume().
  if (!impl_->db->Resume().ok() || !impl_->put(meta_family, "room", "", true).ok()) return false;
  full_ = false;
  log::info("index: the disk has space again");
  return true;
}

void RocksIndex::fail_permanently() { healthy_ = false; }

std::optional<BlobRecord> RocksIndex::blob(const Digest& digest) const {
  return impl_->record(blobs_family, digest_key(digest), decode_blob);
}

std::optional<std::string> RocksIndex::blob_bytes(const Digest& digest) const {
  return impl_->get(contents_family, blob_contents_key(digest));
}

std::optional<ManifestRecord> RocksIndex::manifest(const Digest& digest) const {
  return impl_->record(manifests_family, digest_key(digest), decode_manifest);
}

std::optional<std::string> RocksIndex::manifest_bytes(const Digest& digest) const {
  return impl_->get(contents_family, manifest_contents_key(digest));
}

std::optional<TagRecord> RocksIndex::tag(std::string_view key) const {
  return impl_->record(tags_family, key, decode_tag);
}

std::optional<LinkRecord> RocksIndex::link(std::string_view key) const {
  return impl_->record(links_family, key, decode_link);
}

bool RocksIndex::put_blob(const Digest& digest, const BlobRecord& record, std::string_view bytes) {
  rocksdb::WriteBatch batch;
  batch.Put(impl_->families[blobs_family], digest_key(digest), encode(record));
  if (record.is_inline) {
    batch.Put(impl_->families[contents_family], blob_contents_key(digest), slice(bytes));
  }
  return written(impl_->db->Write({}, &batch));
}

bool RocksIndex::erase_blob(const Digest& digest) {
  rocksdb::WriteBatch batch;
  batch.Delete(impl_->families[blobs_family], digest_key(digest));
  batch.Delete(impl_->families[contents_family], blob_contents_key(digest));
  return written(impl_->db->Write({}, &batch));
}

bool RocksIndex::put_manifest(const Digest& digest, const ManifestRecord& record,
                              std::string_view bytes) {
  rocksdb::WriteBatch batch;
  batch.Put(impl_->families[manifests_family], digest_key(digest), encode(record));
  if (!bytes.empty())
    batch.Put(impl_->families[contents_family], manifest_contents_key(digest), slice(bytes));
  return written(impl_->db->Write({}, &batch));
}

bool RocksIndex::erase_manifest(const Digest& digest) {
  rocksdb::WriteBatch batch;
  batch.Delete(impl_->families[manifests_family], digest_key(digest));
  batch.Delete(impl_->families[contents_family], manifest_contents_key(digest));
  return written(impl_->db->Write({}, &batch));
}

bool RocksIndex::put_links(const std::vector<std::string>& keys, const LinkRecord& record) {
  rocksdb::WriteBatch batch;
  const std::string value = encode(record);
  for (const auto& key : keys) batch.Put(impl_->families[links_family], key, value);
  return written(impl_->db->Write({}, &batch));
}

bool RocksIndex::erase_link(std::string_view key) {
  if (!impl_->has(links_family, key)) return true;
  return written(impl_->erase(links_family, key));
}

bool RocksIndex::put_tag(std::string_view key, const TagRecord& record) {
  const auto existing = tag(key);
  if (!impl_->has(tags_family, key)) tag_count_.fetch_add(1, std::memory_order_relaxed);
  const bool moved = existing && existing->digest != record.digest;
  return written(impl_->put(tags_family, key, encode(record), /*sync=*/moved));
}

bool RocksIndex::erase_tag(std::string_view key) {
  if (!impl_->has(tags_family, key)) return true;
  tag_count_.fetch_sub(1, std::memory_order_relaxed);
  // Synced before it returns: a deleted tag must not reappear after a power cut.
  return written(impl_->erase(tags_family, key, true));
}

bool RocksIndex::for_each_blob(
    const std::optional<Digest>& after,
    const std::function<bool(const Digest&, const BlobRecord&)>& visit) const {
  return impl_->for_each_digest(blobs_family, after, decode_blob, visit);
}

bool RocksIndex::for_each_manifest(
    const std::optional<Digest>& after,
    const std::function<bool(const Digest&, const ManifestRecord&)>& visit) const {
  return impl_->for_each_digest(manifests_family, after, decode_manifest, visit);
}

bool RocksIndex::for_each_tag(
    const std::function<bool(std::string_view, const TagRecord&)>& visit) const {
  return impl_->for_each(tags_family, {}, [&visit](std::string_view key, std::string_view value) {
    const auto record = decode_tag(value);
    return !record || visit(key, *record);
  });
}

bool RocksIndex::for_each_link(
    const std::function<bool(std::string_view, const LinkRecord&)>& visit) const {
  return impl_->for_each(links_family, {}, [&visit](std::string_view key, std::string_view value) {
    const auto record = decode_link(value);
    return !record || visit(key, *record);
  });
}

bool RocksIndex::for_each_link_of(
    RepositoryRef repository,
    const std::function<bool(const Digest&, const LinkRecord&)>& visit) const {
  const auto prefix = links_prefix(repository);
  return impl_->for_each(links_family, prefix, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(prefix)) return false;
    const auto link = parse_link_key(key);
    const auto record = decode_link(value);
    return !link || !record || visit(link->digest, *record);
  });
}

bool RocksIndex::erase_all(const std::vector<std::string>& tags,
                           const std::vector<std::string>& links) {
  rocksdb::WriteBatch batch;
  for (const auto& key : tags) batch.Delete(impl_->families[tags_family], key);
  for (const auto& key : links) batch.Delete(impl_->families[links_family], key);
  if (!written(impl_->db->Write({}, &batch))) return false;
  tag_count_.fetch_sub(static_cast<std::int64_t>(tags.size()), std::memory_order_relaxed);
  return true;
}

std::optional<std::string> RocksIndex::note(std::string_view name) const {
  return impl_->get(meta_family, name);
}

bool RocksIndex::put_note(std::string_view name, std::string_view value, bool synced) {
  return written(impl_->put(meta_family, name, value, synced));
}

bool RocksIndex::erase_note(std::string_view name) {
  return written(impl_->erase(meta_family, name));
}

std::uint64_t RocksIndex::links_bytes() const {
  std::uint64_t sorted = 0, unflushed = 0;
  auto* const links = impl_->families[links_family];
  impl_->db->GetIntProperty(links, rocksdb::DB::Properties::kEstimateLiveDataSize, &sorted);
  impl_->db->GetIntProperty(links, rocksdb::DB::Properties::kCurSizeAllMemTables, &unflushed);
  return sorted + unflushed;
}

std::uint64_t RocksIndex::memory_bytes() const {
  std::uint64_t cached = 0, unflushed = 0;
  impl_->db->GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &cached);
  impl_->db->GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &unflushed);
  return cached + unflushed;
}

std::optional<std::uint64_t> RocksIndex::compact(std::uint64_t spared, std::atomic<bool>& stop) {
  return compact_contents(*impl_, spared, stop);
}

std::uint64_t RocksIndex::table_bytes() const {
  std::uint64_t sum = 0;
  for (std::size_t family = 0; family < family_count; ++family) {
    std::uint64_t bytes = 0;
    if (family != contents_family)
      impl_->db->GetIntProperty(impl_->families[family],
                                rocksdb::DB::Properties::kEstimateLiveDataSize, &bytes);
    sum += bytes;
  }
  return sum;
}

void RocksIndex::count_tags() {
  static_cast<void>(for_each_tag([this](std::string_view, const TagRecord&) {
    tag_count_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }));
}

}  // namespace entrepot::cache
