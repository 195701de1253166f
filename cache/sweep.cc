// SPDX-License-Identifier: Apache-2.0
#include "cache/sweep.h"

#include <string>
#include <utility>
#include <vector>

#include "cache/layout.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A link may come before what it is to (a manifest names layers that nobody has asked for yet).
constexpr std::chrono::days link_kept_for{1};

bool tag_is_dead(const Shared& shared, std::string_view key, const TagRecord& record) {
  const auto tag = parse_tag_key(key);
  if (!tag) return true;
  if (!shared.options.upstreams.contains(tag->repository.upstream)) return true;
  const auto& freshness = shared.freshness(tag->repository.upstream);
  return age_of(record.checked_at, shared.clock.wall()) >
         freshness.fresh_for(tag->tag) + freshness.stale_for();
}

bool link_is_dead(const Shared& shared, std::string_view key, const LinkRecord& record) {
  const auto link = parse_link_key(key);
  if (!link) return true;
  return age_of(record.proven_at, shared.clock.wall()) > link_kept_for &&
         !shared.blobs.has(link->digest) && !shared.manifests.has(link->digest);
}

}  // namespace

void sweep(Shared& shared) {
  if (!shared.loaded) return;
  std::vector<std::string> tags, links;
  shared.rocks.for_each_tag([&](std::string_view key, const TagRecord& record) {
    if (tag_is_dead(shared, key, record)) tags.emplace_back(key);
    return !shared.stopping;
  });
  shared.rocks.for_each_link([&](std::string_view key, const LinkRecord& record) {
    if (link_is_dead(shared, key, record)) links.emplace_back(key);
    return !shared.stopping;
  });
  if (shared.stopping || tags.size() + links.size() == 0) return;
  log::debug("cache: forgetting {} tags and {} links that nothing needs", tags.size(),
             links.size());
  // Among the other writes, and looked at again: a record may be new by then.
  shared.index_writes.post([&shared, tags = std::move(tags), links = std::move(links)] {
    for (const auto& key : tags) {
      const auto record = shared.rocks.tag(key);
      if (record && !shared.stopping && tag_is_dead(shared, key, *record))
        shared.rocks.erase_tag(key);
    }
    for (const auto& key : links) {
      const auto record = shared.rocks.link(key);
      if (record && !shared.stopping && link_is_dead(shared, key, *record))
        shared.rocks.erase_link(key);
    }
  });
}

}  // namespace entrepot::cache
