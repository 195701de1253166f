// SPDX-License-Identifier: Apache-2.0
#include "cache/store/blob_store.h"

#include <unistd.h>

#include <utility>

#include "cache/content/parsed_manifest.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Approximate memory overhead of an object in memory. Bytes.
constexpr std::size_t content_overhead = 256;

}  // namespace

BlobStore::BlobStore(const Environment& environment, const Origins& origins, const BlobFiles& files,
                     DiskHealth& health)
    : environment_(environment),
      origins_(origins),
      files_(files),
      health_(health),
      small_blobs_(environment.options.memory_cache / 2),
      recent_manifests_(environment.options.memory_cache / 2) {}

ContentPtr BlobStore::find(Resource resource, const Digest& digest) {
  if (resource == Resource::blob) return find_blob(digest);
  return recent_manifests_.find(digest).value_or(nullptr);
}

ContentPtr BlobStore::find_blob(const Digest& digest) {
  if (auto small = small_blobs_.find(digest)) return *small;
  const auto found = blobs_.find(digest);
  if (!found || found->is_inline || found->doubtful) return nullptr;
  auto opened = files_.open_blob(digest, found->size);
  // load(), which may block, handles a missing or unreadable file.
  return opened.file ? file_content(digest, found->size, std::move(opened.file), found->origins)
                     : nullptr;
}

ContentPtr BlobStore::file_content(const Digest& digest, std::uint64_t size,
                                   std::shared_ptr<const BlobFile> file, Origins::Set origins) {
  Content content{digest, size, {}, nullptr, std::move(file), nullptr, nullptr, this};
  content.origins = origins;
  return std::make_shared<const Content>(std::move(content));
}

BlobStore::Loaded BlobStore::load(Resource resource, const Digest& digest) {
  if (resource == Resource::manifest) return {load_manifest(digest)};
  const auto known = blobs_.find(digest);
  // After loading, an object that is absent from memory has a record only while its erasure is
  // pending.
  if (!known && environment_.lifecycle.loaded) return {};
  const auto record = environment_.rocks.blob(digest);
  if (!record) return {};
  if (record->is_inline) {
    auto bytes = environment_.rocks.blob_bytes(digest);
    if (!bytes || bytes->size() != record->size) return {};
    Content content{digest, record->size, {}, nullptr, nullptr, nullptr};
    content.bytes = std::make_shared<const std::string>(std::move(*bytes));
    content.origins = origins_.parse(record->origins);
    return {std::make_shared<const Content>(std::move(content))};
  }
  auto opened = files_.open_blob(digest, record->size, BlobFiles::Wait::may_wait);
  if (opened.gone) drop_blob(digest, false);
  if (opened.unreadable) {
    health_.count_read_error();
    drop_blob(digest, true);
  }
  if (!opened.file) return {};
  return {
      file_content(digest, record->size, std::move(opened.file), origins_.parse(record->origins)),
      known ? known->doubtful : as_stored(*record).doubtful};
}

ContentPtr BlobStore::load_manifest(const Digest& digest) {
  auto record = environment_.rocks.manifest(digest);
  if (!record) return nullptr;
  auto bytes = manifest_bytes(digest, record->size);
  if (!bytes) return nullptr;
  auto parsed = read_manifest(digest.algorithm(), std::move(*bytes));
  if (parsed.content->digest != digest) return nullptr;
  parsed.content->media_type = std::move(record->media_type);
  parsed.content->origins = origins_.parse(record->origins);
  return std::move(parsed.content);
}

std::optional<std::string> BlobStore::manifest_bytes(const Digest& digest, std::uint64_t size) {
  // Earlier versions stored manifests of any size in the index.
  if (auto bytes = environment_.rocks.manifest_bytes(digest))
    return bytes->size() == size ? std::move(bytes) : std::nullopt;
  if (in_index(Resource::manifest, size)) return std::nullopt;
  const auto opened = files_.open_blob(digest, size, BlobFiles::Wait::may_wait);
  std::string bytes(size, '\0');
  // Reads the complete file in all cases, because verifying its digest replaces the doubtful mark.
  const bool right =
      opened.file &&
      ::pread(opened.file->fd(), bytes.data(), size, 0) == static_cast<ssize_t>(size) &&
      digest_of(digest.algorithm(), bytes) == digest;
  if (right) return bytes;
  drop_manifest(digest);
  return std::nullopt;
}

void BlobStore::remember(const ContentPtr& content, Resource resource) {
  if (!content->bytes || content->size > environment_.options.max_manifest) return;
  auto& memory = resource == Resource::manifest ? recent_manifests_ : small_blobs_;
  const auto references = content->references ? content->references->size() : 0;
  memory.put(content->digest, content,
             content->size + references * sizeof(Digest) + content_overhead);
}

void BlobStore::forget_bytes(Resource resource, const Digest& digest) {
  (resource == Resource::manifest ? recent_manifests_ : small_blobs_).erase(digest);
}

bool BlobStore::in_index(Resource resource, std::uint64_t size) const {
  const Options& options = environment_.options;
  return size <= (resource == Resource::manifest ? options.small_manifest : options.small_object);
}

Origins::Set BlobStore::origins_with(std::string_view upstream, Resource resource,
                                     const Digest& digest) const {
  const auto existing = (resource == Resource::blob ? blobs_ : manifests_).find(digest);
  return origins_.both(origins_.of(upstream), existing ? existing->origins : Origins::nobody);
}

BlobRecord BlobStore::new_record(const Digest& digest, std::uint64_t size, bool is_inline,
                                 std::string_view upstream) const {
  const auto existing = environment_.rocks.blob(digest);
  return {size, environment_.clock.wall(), is_inline,
          Origins::add(existing ? existing->origins : "", upstream)};
}

Index::Stored BlobStore::as_stored(const BlobRecord& record) const {
  const bool doubtful =
      !record.is_inline && record.stored_at >= environment_.lifecycle.doubtful_since;
  return {record.size, record.is_inline, doubtful, origins_.parse(record.origins)};
}

void BlobStore::add_blob(const Digest& digest, const BlobRecord& record) {
  blobs_.put(digest, {record.size, record.is_inline, false, origins_.parse(record.origins)});
}

void BlobStore::add_manifest(const Digest& digest, const ManifestRecord& record, bool is_inline) {
  manifests_.put(digest, {record.size, is_inline, false, origins_.parse(record.origins)});
}

bool BlobStore::drop_blob(const Digest& digest, bool unreadable) {
  // Before loading has ended, the record may be in RocksDB only.
  if (!blobs_.erase(digest) && environment_.lifecycle.loaded) return false;
  files_.forget(digest);
  environment_.index_writes.post([this, digest, unreadable] {
    if (being_stored_.contains(digest) || blobs_.has(digest)) return;  // stored again meanwhile
    environment_.rocks.erase_blob(digest);
    if (being_stored_.contains(digest)) return;  // the erasure may have taken a while
    unreadable ? files_.quarantine(digest) : files_.remove_blob(digest);
  });
  return true;
}

void BlobStore::drop_manifest(const Digest& digest) {
  const auto known = manifests_.find(digest);
  manifests_.erase(digest);
  recent_manifests_.erase(digest);
  environment_.index_writes.post([this, digest] {
    if (!manifests_.has(digest)) environment_.rocks.erase_manifest(digest);
  });
  if (!known || !known->is_inline) drop_blob(digest, false);
}

void BlobStore::settle_doubt(const Digest& digest, const std::optional<Digest>& actual,
                             const BlobFile* file) {
  // replaced by a new file meanwhile
  if (file != nullptr && !files_.is_stored(digest, *file)) return;
  if (actual == digest) return blobs_.trust(digest);
  if (!drop_blob(digest, !actual)) return;  // a request and the scrub may have read it concurrently
  if (actual) {
    log::error(
        "cache: the file of {} does not have that digest any more; it is removed and fetched "
        "again. Check the disk under {}",
        digest.str(), environment_.options.directory.string());
  }
  environment_.metrics.cache().evictions(metrics::EvictionReason::corrupt).add();
}

void BlobStore::doubt(const Digest& digest) {
  environment_.metrics.disk().errors(metrics::DiskOperation::read).add();
  blobs_.doubt(digest);
  files_.forget(digest);
  health_.count_read_error();
}

}  // namespace entrepot::cache
