// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_index.h"

#include <utility>

#include "cache/index/layout.h"
#include "cache/index/rocks_store.h"

namespace entrepot::cache {
namespace {

std::string blob_contents_key(const Digest& digest) { return "b" + digest_key(digest); }
std::string manifest_contents_key(const Digest& digest) { return "m" + digest_key(digest); }

}  // namespace

RocksIndex::RocksIndex(const std::filesystem::path& path, std::uint64_t max_size,
                       const metrics::Metrics& metrics)
    : store_(std::make_shared<RocksStore>(path, max_size, metrics)) {}

bool RocksIndex::release() { return store_->release(); }

RocksHealth& RocksIndex::health() const { return store_->health(); }

std::optional<BlobRecord> RocksIndex::blob(const Digest& digest) const {
  return store_->record(blobs_family, digest_key(digest), decode_blob);
}

std::optional<std::string> RocksIndex::blob_bytes(const Digest& digest) const {
  return store_->get(contents_family, blob_contents_key(digest));
}

std::optional<ManifestRecord> RocksIndex::manifest(const Digest& digest) const {
  return store_->record(manifests_family, digest_key(digest), decode_manifest);
}

std::optional<std::string> RocksIndex::manifest_bytes(const Digest& digest) const {
  return store_->get(contents_family, manifest_contents_key(digest));
}

std::optional<TagRecord> RocksIndex::tag(std::string_view key) const {
  return store_->record(tags_family, key, decode_tag);
}

std::optional<LinkRecord> RocksIndex::link(std::string_view key) const {
  return store_->record(links_family, key, decode_link);
}

bool RocksIndex::put_blob(const Digest& digest, const BlobRecord& record, std::string_view bytes) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  batch.Put(use.family(blobs_family), digest_key(digest), encode(record));
  if (record.is_inline) {
    batch.Put(use.family(contents_family), blob_contents_key(digest), rocks_slice(bytes));
  }
  return store_->write(use, batch);
}

bool RocksIndex::erase_blob(const Digest& digest) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  batch.Delete(use.family(blobs_family), digest_key(digest));
  batch.Delete(use.family(contents_family), blob_contents_key(digest));
  return store_->write(use, batch);
}

bool RocksIndex::put_manifest(const Digest& digest, const ManifestRecord& record,
                              std::string_view bytes) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  batch.Put(use.family(manifests_family), digest_key(digest), encode(record));
  if (!bytes.empty())
    batch.Put(use.family(contents_family), manifest_contents_key(digest), rocks_slice(bytes));
  return store_->write(use, batch);
}

bool RocksIndex::erase_manifest(const Digest& digest) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  batch.Delete(use.family(manifests_family), digest_key(digest));
  batch.Delete(use.family(contents_family), manifest_contents_key(digest));
  return store_->write(use, batch);
}

bool RocksIndex::put_links(const std::vector<std::string>& keys, const LinkRecord& record) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  const std::string value = encode(record);
  for (const auto& key : keys) batch.Put(use.family(links_family), key, value);
  return store_->write(use, batch);
}

bool RocksIndex::erase_link(std::string_view key) {
  if (!store_->has(links_family, key)) return true;
  return store_->erase(links_family, key);
}

bool RocksIndex::put_tag(std::string_view key, const TagRecord& record) {
  const auto existing = tag(key);
  if (!store_->has(tags_family, key)) store_->tags.fetch_add(1, std::memory_order_relaxed);
  const bool moved = existing && existing->digest != record.digest;
  return store_->put(tags_family, key, encode(record), /*sync=*/moved);
}

bool RocksIndex::erase_tag(std::string_view key) {
  if (!store_->has(tags_family, key)) return true;
  store_->tags.fetch_sub(1, std::memory_order_relaxed);
  // Synced before it returns: a deleted tag must not reappear after a power cut.
  return store_->erase(tags_family, key, true);
}

bool RocksIndex::for_each_blob(
    const std::optional<Digest>& after,
    const std::function<bool(const Digest&, const BlobRecord&)>& visit) const {
  return store_->for_each_digest(blobs_family, after, decode_blob, visit);
}

bool RocksIndex::for_each_manifest(
    const std::optional<Digest>& after,
    const std::function<bool(const Digest&, const ManifestRecord&)>& visit) const {
  return store_->for_each_digest(manifests_family, after, decode_manifest, visit);
}

bool RocksIndex::for_each_tag(const std::function<bool(std::string_view, const TagRecord&)>& visit,
                              std::string_view from) const {
  return store_->for_each(tags_family, from,
                          [&visit](std::string_view key, std::string_view value) {
                            const auto record = decode_tag(value);
                            return !record || visit(key, *record);
                          });
}

bool RocksIndex::for_each_link(
    const std::function<bool(std::string_view, const LinkRecord&)>& visit) const {
  return store_->for_each(links_family, {}, [&visit](std::string_view key, std::string_view value) {
    const auto record = decode_link(value);
    return !record || visit(key, *record);
  });
}

bool RocksIndex::for_each_link_of(
    RepositoryRef repository,
    const std::function<bool(const Digest&, const LinkRecord&)>& visit) const {
  const auto prefix = links_prefix(repository);
  return store_->for_each(links_family, prefix, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(prefix)) return false;
    const auto link = parse_link_key(key);
    const auto record = decode_link(value);
    return !link || !record || visit(link->digest, *record);
  });
}

bool RocksIndex::erase_all(const std::vector<std::string>& tags,
                           const std::vector<std::string>& links) {
  const RocksStore::Use use(*store_);
  if (!use) return false;
  rocksdb::WriteBatch batch;
  for (const auto& key : tags) batch.Delete(use.family(tags_family), key);
  for (const auto& key : links) batch.Delete(use.family(links_family), key);
  if (!store_->write(use, batch)) return false;
  store_->tags.fetch_sub(static_cast<std::int64_t>(tags.size()), std::memory_order_relaxed);
  return true;
}

}  // namespace entrepot::cache
