// SPDX-License-Identifier: Apache-2.0
#include "cache/shared.h"

#include <utility>

#include "cache/layout.h"
#include "cache/manifest.h"
#include "metrics/check.h"

namespace entrepot::cache {
namespace {

/// Entries of links and tags kept in memory; what does not fit is read from RocksDB.
constexpr std::size_t links_in_memory = 100'000;
constexpr std::size_t tags_in_memory = 50'000;
/// Roughly what an entry costs beside its bytes.
constexpr std::size_t entry_overhead = 256;

}  // namespace

Shared::Shared(Options options_in, const Clock& clock_in, const metrics::Metrics& metrics_in,
               Poster& store_in)
    : options(std::move(options_in)),
      clock(clock_in),
      metrics(metrics_in),
      store(store_in),
      index_writes(store_in),
      files(Layout(options.directory), metrics_in),
      rocks(Layout(options.directory).index(), options.max_size, metrics_in),
      space(*this),
      small_blobs(options.memory_cache / 2),
      manifests(options.memory_cache / 2),
      links(links_in_memory),
      tags(tags_in_memory) {
  for (const auto& [name, policy] : options.upstreams) {
    freshness_.emplace(name, TagFreshness(policy.tags));
  }
}

ContentPtr Shared::stored_blob(const Digest& digest) {
  if (auto small = small_blobs.find(digest)) {
    static_cast<void>(blobs.find(digest));  // counts as a use
    return *small;
  }
  const auto found = blobs.find(digest);
  if (!found || found->is_inline) return nullptr;
  bool gone = false;
  auto file = files.open_blob(digest, found->size, &gone);
  if (!file) {
    if (gone && blobs.erase(digest)) {
      index_writes.post([this, digest] {
        if (keeping.contains(digest) || blobs.has(digest)) return;  // fetched again meanwhile
        rocks.erase_blob(digest);
        files.remove_blob(digest);
      });
    }
    return nullptr;
  }
  return std::make_shared<const Content>(
      Content{digest, found->size, {}, nullptr, std::move(file), nullptr});
}

ContentPtr Shared::stored(Resource resource, const Digest& digest) {
  if (resource == Resource::blob) return stored_blob(digest);
  return manifests.find(digest).value_or(nullptr);
}

ContentPtr Shared::load(Resource resource, const Digest& digest) {
  if (resource == Resource::manifest) {
    auto record = rocks.manifest(digest);
    if (!record) return nullptr;
    const auto size = record->bytes.size();
    return std::make_shared<const Content>(
        Content{digest, size, std::move(record->media_type),
                std::make_shared<const std::string>(std::move(record->bytes)), nullptr, nullptr});
  }
  auto record = rocks.blob(digest);
  if (!record) return nullptr;
  if (record->bytes) {
    return std::make_shared<const Content>(
        Content{digest,
                record->size,
                {},
                std::make_shared<const std::string>(std::move(*record->bytes)),
                nullptr,
                nullptr});
  }
  auto file = files.open_blob(digest, record->size);
  if (!file) return nullptr;
  return std::make_shared<const Content>(
      Content{digest, record->size, {}, nullptr, std::move(file), nullptr});
}

bool Shared::linked(RepositoryRef repository, const Digest& digest) const {
  thread_local std::string key;
  link_key(key, repository, digest);
  const auto link = links.find(key);
  return link && counts(repository, *link);
}

bool Shared::counts(RepositoryRef repository, const LinkRecord& link) const {
  const auto policy = options.upstreams.find(repository.upstream);
  if (policy == options.upstreams.end()) return false;
  // The upstream may take a repository of a restricted upstream away from us, so proofs age there.
  return !policy->second.restricted ||
         age_of(link.proven_at, clock.wall()) < policy->second.tags.fresh_for;
}

void Shared::link(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof) {
  const LinkRecord record{proof, clock.wall()};
  auto key = link_key(repository, digest);
  links.put(key, record);
  index_writes.post([this, key = std::move(key), record] { rocks.put_links({key}, record); });
}

void Shared::link_references(RepositoryRef repository, const Content& manifest) {
  const LinkRecord record{LinkRecord::Proof::manifest, clock.wall()};
  std::vector<std::string> keys;
  add_references(repository, manifest, /*with_children=*/true, keys);
  if (keys.empty()) return;
  for (const auto& key : keys) links.put(key, record);
  index_writes.post([this, keys = std::move(keys), record] { rocks.put_links(keys, record); });
}

void Shared::add_references(RepositoryRef repository, const Content& manifest, bool with_children,
                            std::vector<std::string>& keys) {
  check(manifest.bytes != nullptr, "manifests are in memory");
  const auto outline = parse_manifest(*manifest.bytes);
  if (!outline) return;
  for (const auto& digest : outline->references) {
    keys.push_back(link_key(repository, digest));
    if (!with_children) continue;
    // A manifest stored already will be a hit here without a flight that could link its layers.
    if (const auto child = manifests.find(digest)) {
      add_references(repository, **child, /*with_children=*/false, keys);
    }
  }
}

void Shared::unlink(RepositoryRef repository, const Digest& digest) {
  auto key = link_key(repository, digest);
  links.erase(key);
  index_writes.post([this, key = std::move(key)] { rocks.erase_link(key); });
}

const TagFreshness& Shared::freshness(std::string_view upstream) const {
  const auto found = freshness_.find(upstream);
  check(found != freshness_.end(), "requests name configured upstreams");
  return found->second;
}

std::shared_ptr<const TagState> Shared::tag_state(RepositoryRef repository, std::string_view tag,
                                                  TagRecord record) const {
  return std::make_shared<const TagState>(
      TagState{std::move(record), freshness(repository.upstream).fresh_for(tag)});
}

void Shared::remember(const ContentPtr& content, Resource resource) {
  if (!content->bytes || content->size > options.max_manifest) return;
  auto& memory = resource == Resource::manifest ? manifests : small_blobs;
  memory.put(content->digest, content, content->size + entry_overhead);
}

void Shared::update_gauges() {
  space.measure_index();
  metrics.cache_bytes().set(static_cast<double>(space.used()));
  metrics.cache_objects("fill").set(static_cast<double>(space.reserved_files()));
  metrics.cache_objects("blob").set(static_cast<double>(blobs.count()));
  metrics.cache_objects("manifest").set(static_cast<double>(rocks.manifest_count()));
  metrics.cache_objects("tag").set(static_cast<double>(rocks.tag_count()));
}

}  // namespace entrepot::cache
