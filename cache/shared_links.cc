// SPDX-License-Identifier: Apache-2.0
// Which repository is known to hold what (promise 8).
#include <algorithm>
#include <utility>

#include "cache/layout.h"
#include "cache/manifest.h"
#include "cache/shared.h"

namespace entrepot::cache {
namespace {

/// What more a manifest names is found by link_by_manifest().
constexpr std::size_t max_linked_at_once = 2000;
// A look for a manifest that names a digest goes so far.
constexpr int links_looked_at = 1000;
constexpr std::uint64_t manifest_bytes_looked_at = 1 << 20;

}  // namespace

std::optional<KnownLink> Shared::linked(RepositoryRef repository, const Digest& digest) const {
  thread_local std::string key;
  link_key(key, repository, digest);
  auto link = links.find(key);
  if (link && !counts(repository, link->record)) link.reset();
  return link;
}

bool Shared::counts(RepositoryRef repository, const LinkRecord& link) const {
  const auto policy = options.upstreams.find(repository.upstream);
  if (policy == options.upstreams.end()) return false;
  // The upstream may take a repository of a restricted upstream away from us, so proofs age there.
  const auto lifetime = policy->second.tags.fresh_for;
  return !policy->second.restricted || age_of(link.proven_at, clock.wall(), lifetime) < lifetime;
}

void Shared::link(RepositoryRef repository, const Digest& digest, LinkRecord::Proof proof) {
  const auto before = links.find(link_key(repository, digest));
  keep_link(repository, digest,
            {{proof, clock.wall(), before && before->record.earlier}, /*on_disk=*/false});
  // Behind the post: a recount that the note comes too early for sees the record.
  if (pins.covers(repository)) pins.note(digest);
}

void Shared::keep_link(RepositoryRef repository, const Digest& digest, const KnownLink& link) {
  if (link.on_disk) return;
  auto key = link_key(repository, digest);
  links.put(key, {link.record, /*on_disk=*/true});
  index_writes.post(
      [this, key = std::move(key), record = link.record] { rocks.put_links({key}, record); });
}

void Shared::link_references(RepositoryRef repository, const Content& manifest) {
  const auto through = links.find(link_key(repository, manifest.digest));
  const auto proven_at = through ? through->record.proven_at : clock.wall();
  const bool pinned = pins.covers(repository);
  std::string key;
  for (const auto& digest : visible_through(manifest)) {
    if (pinned) pins.note(digest);
    link_key(key, repository, digest);
    auto link = links.find(key).value_or(KnownLink{{LinkRecord::Proof::manifest, {}}});
    if (link.record.proven_at >= proven_at) continue;
    link.record.proven_at = proven_at;
    links.put(key, link);
  }
}

std::unordered_set<Digest> Shared::visible_through(const Content& manifest) const {
  std::unordered_set<Digest> digests;
  const auto add = [&digests](const std::vector<Digest>& references) {
    for (const auto& digest : references)
      if (digests.size() < max_linked_at_once) digests.insert(digest);
  };
  if (!manifest.references) return digests;
  add(*manifest.references);
  for (const auto& digest : *manifest.references) {
    if (digests.size() >= max_linked_at_once) break;
    // A manifest stored already will be a hit here without a flight that could link its layers.
    const auto child = recent_manifests.find(digest);
    if (child && (*child)->references) add(*(*child)->references);
  }
  return digests;
}

std::unordered_set<Digest> Shared::named_by(const Digest& manifest) {
  std::unordered_set<Digest> digests;
  const auto content = load_manifest(manifest);
  if (!content || !content->references) return digests;
  digests.insert(content->references->begin(), content->references->end());
  for (const auto& digest : *content->references) {
    if (digests.size() >= max_references) break;
    const auto child = loaded && !manifests.has(digest) ? nullptr : load_manifest(digest);
    if (child && child->references)
      digests.insert(child->references->begin(), child->references->end());
  }
  return digests;
}

std::optional<LinkRecord> Shared::link_by_manifest(RepositoryRef repository, const Digest& digest) {
  int links_left = links_looked_at;
  std::uint64_t bytes_left = manifest_bytes_looked_at;
  const auto load = [&](const Digest& named) -> ContentPtr {
    if (loaded && !manifests.has(named)) return nullptr;
    const auto record = rocks.manifest(named);
    if (!record || record->size > bytes_left) return nullptr;
    bytes_left -= record->size;
    return load_manifest(named);
  };
  const auto names = [&digest](const ContentPtr& manifest) {
    return manifest && manifest->references &&
           std::ranges::find(*manifest->references, digest) != manifest->references->end();
  };
  std::optional<LinkRecord> found;
  rocks.for_each_link_of(repository, [&](const Digest& linked_to, const LinkRecord& link) {
    const auto manifest = counts(repository, link) ? load(linked_to) : nullptr;
    const bool named =
        names(manifest) || (manifest && manifest->references &&
                            std::ranges::any_of(*manifest->references, [&](const Digest& child) {
                              return names(load(child));
                            }));
    if (named) found = LinkRecord{LinkRecord::Proof::manifest, link.proven_at, link.earlier};
    return !named && --links_left > 0 && bytes_left > 0;
  });
  return found;
}

void Shared::unlink(RepositoryRef repository, const Digest& digest) {
  auto key = link_key(repository, digest);
  links.erase(key);
  index_writes.post([this, key = std::move(key)] { rocks.erase_link(key); });
}

}  // namespace entrepot::cache
