// SPDX-License-Identifier: Apache-2.0
#include "cache/store/link_table.h"

#include <algorithm>
#include <utility>

#include "cache/content/manifest.h"
#include "cache/index/layout.h"
#include "cache/store/freshness.h"

namespace entrepot::cache {
namespace {

constexpr std::size_t links_in_memory = 100'000;
/// Maximum number of objects that one manifest links at once; find_by_manifest() finds the others.
constexpr std::size_t max_linked_at_once = 2000;
// Bounds of find_by_manifest().
constexpr int max_links_read = 1000;
constexpr std::uint64_t max_manifest_bytes_read = 1 << 20;

bool names(const ContentPtr& manifest, const Digest& digest) {
  return manifest && manifest->references &&
         std::ranges::find(*manifest->references, digest) != manifest->references->end();
}

}  // namespace

LinkTable::LinkTable(const Environment& environment, const Origins& origins, BlobStore& store,
                     Pins& pins)
    : environment_(environment),
      origins_(origins),
      store_(store),
      pins_(pins),
      links_(links_in_memory) {
  set_upstreams(environment.options);
}

void LinkTable::set_upstreams(const Options& options) {
  const WriterLock lock(mutex_);
  lifetimes_.clear();
  for (const auto& [name, policy] : options.upstreams)
    lifetimes_[name] = policy.restricted ? Lifetime(policy.tags.fresh_for) : std::nullopt;
}

std::optional<KnownLink> LinkTable::find(RepositoryRef repository, const Digest& digest) const {
  thread_local std::string key;
  link_key(key, repository, digest);
  auto link = links_.find(key);
  if (link && !is_valid(repository, link->record)) link.reset();
  return link;
}

bool LinkTable::is_valid(RepositoryRef repository, const LinkRecord& link) const {
  // Without restricted upstreams a hit needs no lock for this.
  if (!origins_.ever_restricted()) return true;
  Lifetime lifetime;
  {
    const ReaderLock lock(mutex_);
    const auto known = lifetimes_.find(repository.upstream);
    if (known == lifetimes_.end()) return false;
    lifetime = known->second;
  }
  // A restricted upstream may withdraw access to a repository, so its proofs expire.
  return !lifetime || age_of(link.proven_at, environment_.clock.wall(), *lifetime) < *lifetime;
}

void LinkTable::add_known(RepositoryRef repository, const Digest& digest, const LinkRecord& record,
                          bool on_disk) {
  const auto key = link_key(repository, digest);
  auto known = links_.find(key).value_or(KnownLink{record, on_disk});
  known.record.earlier = known.record.earlier || record.earlier;
  links_.put(key, known);
}

void LinkTable::add(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof) {
  const auto existing = links_.find(link_key(repository, digest));
  persist(repository, digest,
          {{proof, environment_.clock.wall(), existing && existing->record.earlier},
           /*on_disk=*/false});
  // Note after the post: a recount of pins that misses the note then reads the record.
  if (pins_.covers(repository)) pins_.note(digest);
}

void LinkTable::persist(RepositoryRef repository, const Digest& digest, const KnownLink& link) {
  if (link.on_disk) return;
  auto key = link_key(repository, digest);
  links_.put(key, {link.record, /*on_disk=*/true});
  environment_.index_writes.post([&rocks = environment_.rocks, key = std::move(key),
                                  record = link.record] { rocks.put_links({key}, record); });
}

void LinkTable::add_references(RepositoryRef repository, const Content& manifest) {
  const auto through = links_.find(link_key(repository, manifest.digest));
  const auto proven_at = through ? through->record.proven_at : environment_.clock.wall();
  const bool pinned = pins_.covers(repository);
  std::string key;
  for (const auto& digest : visible_through(manifest)) {
    if (pinned) pins_.note(digest);
    link_key(key, repository, digest);
    auto link = links_.find(key).value_or(KnownLink{{LinkRecord::Proof::manifest, {}}});
    if (link.record.proven_at >= proven_at) continue;
    link.record.proven_at = proven_at;
    links_.put(key, link);
  }
}

std::unordered_set<Digest> LinkTable::visible_through(const Content& manifest) const {
  std::unordered_set<Digest> digests;
  const auto add = [&digests](const std::vector<Digest>& references) {
    for (const auto& digest : references)
      if (digests.size() < max_linked_at_once) digests.insert(digest);
  };
  if (!manifest.references) return digests;
  add(*manifest.references);
  for (const auto& digest : *manifest.references) {
    if (digests.size() >= max_linked_at_once) break;
    // A stored child manifest will be a hit, without a fetch that could link its layers.
    const auto child = store_.find(Resource::manifest, digest);
    if (child && child->references) add(*child->references);
  }
  return digests;
}

std::unordered_set<Digest> LinkTable::named_by(const Digest& manifest) {
  std::unordered_set<Digest> digests;
  const auto content = store_.load_manifest(manifest);
  if (!content || !content->references) return digests;
  digests.insert(content->references->begin(), content->references->end());
  for (const auto& digest : *content->references) {
    if (digests.size() >= max_references) break;
    const bool absent = environment_.lifecycle.loaded && !store_.manifests().has(digest);
    const auto child = absent ? nullptr : store_.load_manifest(digest);
    if (child && child->references)
      digests.insert(child->references->begin(), child->references->end());
  }
  return digests;
}

std::optional<LinkRecord> LinkTable::find_by_manifest(RepositoryRef repository,
                                                      const Digest& digest) {
  int remaining_links = max_links_read;
  std::uint64_t remaining_bytes = max_manifest_bytes_read;
  const auto load = [&](const Digest& named) -> ContentPtr {
    if (environment_.lifecycle.loaded && !store_.manifests().has(named)) return nullptr;
    const auto record = environment_.rocks.manifest(named);
    if (!record || record->size > remaining_bytes) return nullptr;
    remaining_bytes -= record->size;
    return store_.load_manifest(named);
  };
  std::optional<LinkRecord> found;
  environment_.rocks.for_each_link_of(
      repository, [&](const Digest& linked_to, const LinkRecord& link) {
        const auto manifest = is_valid(repository, link) ? load(linked_to) : nullptr;
        const bool named = names(manifest, digest) ||
                           (manifest && manifest->references &&
                            std::ranges::any_of(*manifest->references, [&](const Digest& child) {
                              return names(load(child), digest);
                            }));
        if (named) found = LinkRecord{LinkRecord::Proof::manifest, link.proven_at, link.earlier};
        return !named && --remaining_links > 0 && remaining_bytes > 0;
      });
  return found;
}

void LinkTable::remove(RepositoryRef repository, const Digest& digest) {
  auto key = link_key(repository, digest);
  links_.erase(key);
  environment_.index_writes.post(
      [&rocks = environment_.rocks, key = std::move(key)] { rocks.erase_link(key); });
}

bool LinkTable::open_to(RepositoryRef repository, const Content& content) const {
  if (origins_.open_to(content.origins, repository.upstream)) return true;
  if (!origins_.unnoted(content.origins)) return false;
  // The version that stored the object would have served it.
  const auto link = links_.find(link_key(repository, content.digest));
  return link && link->record.earlier;
}

bool LinkTable::has_manifest_for(RepositoryRef repository, const Digest& digest) const {
  if (const auto content = store_.find(Resource::manifest, digest))
    return open_to(repository, *content);
  const auto found = store_.manifests().find(digest);
  return found && origins_.open_to(found->origins, repository.upstream);
}

}  // namespace entrepot::cache
