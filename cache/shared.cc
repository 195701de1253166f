// SPDX-License-Identifier: Apache-2.0
#include "cache/shared.h"

#include <unistd.h>

#include <span>
#include <utility>

#include "cache/layout.h"
#include "cache/loading.h"
#include "cache/manifest.h"
#include "cache/manifest_reading.h"
#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Entries of links and tags kept in memory; what does not fit is read from RocksDB.
constexpr std::size_t links_in_memory = 100'000;
constexpr std::size_t tags_in_memory = 50'000;
/// Roughly what an entry costs beside its bytes.
constexpr std::size_t manifest_overhead = 256;
/// Unreadable files within a minute after which the disk is not written to for a while.
constexpr int doubts_until_distrust = 5;

std::string fill_note(const Digest& digest) { return "fill " + digest.str(); }

std::vector<std::string> upstream_names(const Options& options, bool restricted) {
  std::vector<std::string> names;
  for (const auto& [name, policy] : options.upstreams)
    if (policy.restricted == restricted) names.push_back(name);
  return names;
}

}  // namespace

Shared::Shared(Options options_in, const Clock& clock_in, const metrics::Metrics& metrics_in,
               Poster& store_in)
    : options(std::move(options_in)),
      max_size(options.max_size),
      reserve_free(options.reserve_free),
      scrub_rate(options.scrub_rate),
      clock(clock_in),
      metrics(metrics_in),
      store(store_in),
      origins(upstream_names(options, true), upstream_names(options, false)),
      pins(options.pins),
      index_writes(store_in),
      files(Layout(options.directory), metrics_in),
      disk(Layout(options.directory)),
      rocks(Layout(options.directory).index(), options.max_size, metrics_in),
      space(*this),
      small_blobs(options.memory_cache / 2),
      recent_manifests(options.memory_cache / 2),
      links(links_in_memory),
      tags(tags_in_memory) {
  set_freshness(options);
  tell_time();
}

void Shared::tell_time() {
  blobs.set_time(clock.wall());
  manifests.set_time(clock.wall());
}

ContentPtr Shared::stored_blob(const Digest& digest) {
  if (auto small = small_blobs.find(digest)) return *small;
  const auto found = blobs.look(digest);
  if (!found || found->is_inline || found->doubtful) return nullptr;
  auto opened = files.open_blob(digest, found->size);
  // A file that is gone or cannot be read is for load() to see to, which may wait.
  return opened.file ? file_content(digest, found->size, std::move(opened.file), found->origins)
                     : nullptr;
}

ContentPtr Shared::file_content(const Digest& digest, std::uint64_t size,
                                std::shared_ptr<const BlobFile> file, Origins::Set given_by) {
  Content content{digest, size, {}, nullptr, std::move(file), nullptr, nullptr, this};
  content.origins = given_by;
  return std::make_shared<const Content>(std::move(content));
}

ContentPtr Shared::stored(Resource resource, const Digest& digest) {
  if (resource == Resource::blob) return stored_blob(digest);
  return recent_manifests.find(digest).value_or(nullptr);
}

bool Shared::open_to(RepositoryRef repository, const Content& content) const {
  if (origins.open_to(content.origins, repository.upstream)) return true;
  if (!origins.unnoted(content.origins)) return false;
  // As the version that stored it would have served it, then.
  const auto link = links.find(link_key(repository, content.digest));
  return link && link->record.earlier;
}

bool Shared::has_manifest_for(RepositoryRef repository, const Digest& digest) {
  if (const auto content = stored(Resource::manifest, digest)) return open_to(repository, *content);
  const auto found = manifests.look(digest);
  return found && origins.open_to(found->origins, repository.upstream);
}

Origins::Set Shared::given_by(std::string_view upstream, Resource resource,
                              const Digest& digest) const {
  const auto before = (resource == Resource::blob ? blobs : manifests).look(digest);
  return origins.both(origins.of(upstream), before ? before->origins : Origins::nobody);
}

void Shared::note_fill(const Digest& digest, const std::string& upstream) {
  if (!origins.any_restricted()) return;
  index_writes.post([this, digest, upstream] { rocks.put_note(fill_note(digest), upstream); });
}

void Shared::forget_fill(const Digest& digest) {
  if (!origins.any_restricted()) return;
  index_writes.post([this, digest] {
    const auto name = fill_note(digest);
    if (rocks.note(name)) rocks.erase_note(name);
  });
}

void Shared::discard_fill(const Digest& digest) {
  files.discard_fill(digest);
  forget_fill(digest);
}

Origins::Set Shared::left_by(const Digest& digest) const {
  if (!origins.any_restricted()) return Origins::everybody;
  return origins.parse(rocks.note(fill_note(digest)).value_or(""));
}

BlobRecord Shared::new_record(const Digest& digest, std::uint64_t size, bool is_inline,
                              std::string_view upstream) const {
  const auto before = rocks.blob(digest);
  return {size, clock.wall(), is_inline, Origins::add(before ? before->origins : "", upstream)};
}

void Shared::used(Resource resource, const Digest& digest) const {
  (resource == Resource::blob ? blobs : manifests).use(digest);
}

Shared::Loaded Shared::load(Resource resource, const Digest& digest) {
  if (resource == Resource::manifest) return {load_manifest(digest)};
  const auto known = blobs.look(digest);
  // Once all is loaded, a record of what is not in memory is about to be erased.
  if (!known && loaded) return {};
  const auto record = rocks.blob(digest);
  if (!record) return {};
  if (record->is_inline) {
    auto bytes = rocks.blob_bytes(digest);
    if (!bytes || bytes->size() != record->size) return {};
    Content content{digest, record->size, {}, nullptr, nullptr, nullptr};
    content.bytes = std::make_shared<const std::string>(std::move(*bytes));
    content.origins = origins.parse(record->origins);
    return {std::make_shared<const Content>(std::move(content))};
  }
  auto opened = files.open_blob(digest, record->size, BlobFiles::Wait::may_wait);
  if (opened.gone) drop_blob(digest, false);
  if (opened.unreadable) {
    count_doubt();
    drop_blob(digest, true);
  }
  if (!opened.file) return {};
  return {
      file_content(digest, record->size, std::move(opened.file), origins.parse(record->origins)),
      known ? known->doubtful : as_stored(*record).doubtful};
}

ContentPtr Shared::load_manifest(const Digest& digest) {
  auto record = rocks.manifest(digest);
  if (!record) return nullptr;
  auto bytes = manifest_bytes(digest, record->size);
  if (!bytes) return nullptr;
  auto read = read_manifest(digest.algorithm(), std::move(*bytes));
  if (read.content->digest != digest) return nullptr;
  read.content->media_type = std::move(record->media_type);
  read.content->origins = origins.parse(record->origins);
  return std::move(read.content);
}

std::optional<std::string> Shared::manifest_bytes(const Digest& digest, std::uint64_t size) {
  if (auto bytes = rocks.manifest_bytes(digest))  // of any size, from earlier versions
    return bytes->size() == size ? std::move(bytes) : std::nullopt;
  if (in_index(Resource::manifest, size)) return std::nullopt;
  const auto opened = files.open_blob(digest, size, BlobFiles::Wait::may_wait);
  std::string bytes(size, '\0');
  // All of it is in memory in any case, so that no doubt is needed: it is right or it is not.
  const bool right =
      opened.file &&
      ::pread(opened.file->fd(), bytes.data(), size, 0) == static_cast<ssize_t>(size) &&
      digest_of(digest.algorithm(), bytes) == digest;
  if (right) return bytes;
  drop_manifest(digest);
  return std::nullopt;
}

Index::Stored Shared::as_stored(const BlobRecord& record) const {
  return {record.size, record.is_inline, !record.is_inline && record.stored_at >= doubtful_since,
          origins.parse(record.origins)};
}

bool Shared::drop_blob(const Digest& digest, bool unreadable) {
  // Not loaded yet, it may be known to the index on disk only.
  if (!blobs.erase(digest) && loaded) return false;
  files.forget(digest);
  index_writes.post([this, digest, unreadable] {
    if (keeping.contains(digest) || blobs.has(digest)) return;  // fetched again meanwhile
    rocks.erase_blob(digest);
    if (keeping.contains(digest)) return;  // that may have taken a while
    unreadable ? files.quarantine(digest) : files.remove_blob(digest);
  });
  return true;
}

void Shared::settle_doubt(const Digest& digest, const std::optional<Digest>& actual,
                          const BlobFile* file) {
  if (file != nullptr && !files.is_stored(digest, *file)) return;  // fetched anew meanwhile
  if (actual == digest) return blobs.trust(digest);
  if (!drop_blob(digest, !actual)) return;  // a request and the scrub may have read it at once
  if (actual) {
    log::error(
        "cache: the file of {} does not have that digest any more; it is dropped and fetched "
        "again. Look at the disk under {}",
        digest.str(), options.directory.string());
  }
  metrics.cache_evictions("corrupt").add();
}

void Shared::doubt(const Digest& digest) {
  metrics.disk_errors("read").add();
  blobs.doubt(digest);
  files.forget(digest);
  count_doubt();
}

void Shared::count_doubt() {
  const std::lock_guard lock(doubts_mutex_);
  const auto now = clock.steady();
  if (now - doubts_from_ > std::chrono::minutes(1)) {
    doubts_from_ = now;
    doubts_ = 0;
  }
  if (++doubts_ == doubts_until_distrust) space.distrust();
}

std::shared_ptr<const TagFreshness> Shared::freshness(std::string_view upstream) const {
  const std::shared_lock lock(freshness_mutex_);
  const auto found = freshness_.find(upstream);
  check(found != freshness_.end(), "requests name configured upstreams");
  return found->second;
}

void Shared::set_freshness(const Options& from) {
  const std::unique_lock lock(freshness_mutex_);
  for (const auto& [name, policy] : from.upstreams)
    freshness_[name] = std::make_shared<const TagFreshness>(policy.tags);
}

void Shared::reconfigure(const Options& changed) {
  max_size = changed.max_size;
  reserve_free = changed.reserve_free;
  scrub_rate = changed.scrub_rate;
  set_freshness(changed);
  pins.set_configured(changed.pins);
  // Behind the links that are about to be written.
  index_writes.post([this, notes = pins.keep_notes()] {
    store.post([this, notes] {
      Loading::count_pinned(*this);
      space.tell_size();
      space.trim();
    });
  });
}

std::shared_ptr<const TagState> Shared::tag_state(RepositoryRef repository, std::string_view tag,
                                                  TagRecord record) const {
  return std::make_shared<const TagState>(
      TagState{std::move(record), freshness(repository.upstream)->fresh_for(tag)});
}

void Shared::remember(const ContentPtr& content, Resource resource) {
  if (!content->bytes || content->size > options.max_manifest) return;
  auto& memory = resource == Resource::manifest ? recent_manifests : small_blobs;
  const auto references = content->references ? content->references->size() : 0;
  memory.put(content->digest, content,
             content->size + references * sizeof(Digest) + manifest_overhead);
}

bool Shared::in_index(Resource resource, std::uint64_t size) const {
  return size <= (resource == Resource::manifest ? options.small_manifest : options.small_object);
}

std::unique_ptr<Space::Reservation> Shared::reserve_for(Resource resource, std::uint64_t size) {
  auto [room, refused] =
      in_index(resource, size) ? space.reserve_in_index(size) : space.reserve(size);
  if (!room) metrics.bypass(refused).add();
  return std::move(room);
}

bool Shared::keep_manifest(const Content& manifest, std::string_view upstream) {
  const auto room = reserve_for(Resource::manifest, manifest.size);
  if (!room) return false;
  const auto& digest = manifest.digest;
  const auto before = rocks.manifest(digest);
  const ManifestRecord record{manifest.media_type, manifest.size, clock.wall(),
                              Origins::add(before ? before->origins : "", upstream)};
  const bool is_inline = in_index(Resource::manifest, manifest.size);
  if (is_inline) {
    if (!rocks.put_manifest(digest, record, *manifest.bytes)) return false;
  } else {
    // The file, then what names it: a file without a record is found by the next start.
    if (!blobs.has(digest)) {
      keeping.add(digest);
      const auto blob = new_record(digest, manifest.size, false, upstream);
      const bool kept = files.put(digest, std::as_bytes(std::span(*manifest.bytes))) &&
                        rocks.put_blob(digest, blob);
      if (kept) blobs.put(digest, {manifest.size, false, false, origins.parse(blob.origins)});
      keeping.remove(digest);
      if (!kept) return false;
    }
    if (!rocks.put_manifest(digest, record, {})) return false;
  }
  manifests.put(digest, {manifest.size, is_inline, false, origins.parse(record.origins)});
  return true;
}

void Shared::drop_manifest(const Digest& digest) {
  const auto known = manifests.look(digest);
  manifests.erase(digest);
  recent_manifests.erase(digest);
  index_writes.post([this, digest] {
    if (!manifests.has(digest)) rocks.erase_manifest(digest);
  });
  if (!known || !known->is_inline) drop_blob(digest, false);
}

void Shared::update_gauges() {
  metrics.cache_bytes().set(static_cast<double>(space.used()));
  metrics.index_live_bytes().set(static_cast<double>(space.index().live()));
  metrics.index_dead_bytes().set(static_cast<double>(space.index().dead()));
  metrics.cache_objects("fill").set(static_cast<double>(space.reserved_files()));
  metrics.cache_objects("blob").set(static_cast<double>(blobs.count()));
  metrics.cache_objects("manifest").set(static_cast<double>(manifests.count()));
  metrics.cache_objects("tag").set(static_cast<double>(rocks.tag_count()));
}

}  // namespace entrepot::cache
