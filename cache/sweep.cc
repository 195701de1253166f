// SPDX-License-Identifier: Apache-2.0
#include "cache/sweep.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cache/layout.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A link may come before what it is to (a manifest names layers that nobody has asked for yet).
constexpr std::chrono::days link_kept_for{1};
/// Of a kind: found in one sweep, and erased in one write.
constexpr std::size_t at_most = 100'000;
constexpr std::size_t at_once = 64;
/// Links may take this part of the cache, and always so much.
constexpr std::uint64_t links_part = 32;
constexpr std::uint64_t links_at_least = 1 << 20;

bool tag_is_dead(const Shared& shared, std::string_view key, const TagRecord& record) {
  const auto tag = parse_tag_key(key);
  if (!tag) return true;
  if (!shared.options.upstreams.contains(tag->repository.upstream)) return true;
  const auto freshness = shared.freshness(tag->repository.upstream);
  return age_of(record.checked_at, shared.clock.wall()) >
         freshness->fresh_for(tag->tag) + freshness->stale_for();
}

bool link_is_dead(const Shared& shared, std::string_view key, const LinkRecord& record) {
  const auto link = parse_link_key(key);
  if (!link) return true;
  return age_of(record.proven_at, shared.clock.wall()) > link_kept_for &&
         !shared.blobs.has(link->digest) && !shared.manifests.has(link->digest);
}

/// Moves what is still dead out of the last few of `keys`.
template <typename IsDead>
std::vector<std::string> take_dead(std::vector<std::string>& keys, IsDead is_dead) {
  std::vector<std::string> dead;
  for (std::size_t i = 0; i < at_once && !keys.empty(); ++i) {
    if (is_dead(keys.back())) dead.push_back(std::move(keys.back()));
    keys.pop_back();
  }
  return dead;
}

/// Among the other writes, a few at a time, and looked at again: a record may be new by then.
void erase(Shared& shared, std::vector<std::string> tags, std::vector<std::string> links) {
  shared.index_writes.post([&shared, tags = std::move(tags), links = std::move(links)]() mutable {
    const auto dead_tags = take_dead(tags, [&shared](const std::string& key) {
      const auto record = shared.rocks.tag(key);
      return record && tag_is_dead(shared, key, *record);
    });
    const auto dead_links = take_dead(links, [&shared](const std::string& key) {
      const auto record = shared.rocks.link(key);
      return record && link_is_dead(shared, key, *record);
    });
    if (!shared.rocks.erase_all(dead_tags, dead_links) || shared.stopping) return;
    if (tags.size() + links.size() > 0) erase(shared, std::move(tags), std::move(links));
  });
}

std::uint64_t links_share(const Shared& shared) {
  return std::max(shared.max_size / links_part, links_at_least);
}

std::int64_t minute_of(const LinkRecord& link) {
  return std::chrono::floor<std::chrono::minutes>(link.proven_at).time_since_epoch().count();
}

bool pinned(const Shared& shared, std::string_view key) {
  const auto link = parse_link_key(key);
  return link && shared.pins.covers(link->repository);
}

/// How many bytes of links are how old, by minutes.
std::map<std::int64_t, std::uint64_t> links_by_age(const Shared& shared, std::uint64_t& bytes) {
  std::map<std::int64_t, std::uint64_t> by_age;
  shared.rocks.for_each_link([&](std::string_view key, const LinkRecord& link) {
    const auto size = key.size() + encode(link).size();
    bytes += size;
    if (!pinned(shared, key)) by_age[minute_of(link)] += size;
    return !shared.stopping;
  });
  return by_age;
}

void forget_links(Shared& shared, std::vector<std::string> keys) {
  shared.index_writes.post([&shared, keys = std::move(keys)]() mutable {
    const auto some = take_dead(keys, [](const std::string&) { return true; });
    for (const auto& key : some) shared.links.erase(key);
    if (!shared.rocks.erase_all({}, some) || shared.stopping || keys.empty()) return;
    forget_links(shared, std::move(keys));
  });
}

}  // namespace

void trim_links(Shared& shared) {
  const auto share = links_share(shared);
  if (shared.rocks.links_bytes() <= share) return;
  std::uint64_t bytes = 0;
  const auto by_age = links_by_age(shared, bytes);
  if (bytes <= share || shared.stopping) return;
  // Down to seven eighths, so that this is not due again at once.
  const auto surplus = bytes - share / 8 * 7;
  std::uint64_t older = 0;
  auto last = by_age.begin();
  while (last != by_age.end() && older + last->second < surplus) older += (last++)->second;
  if (last == by_age.end()) return;
  // All that are older than that minute, and of its own as many as are still needed.
  std::uint64_t of_last = 0;
  std::vector<std::string> keys;
  shared.rocks.for_each_link([&](std::string_view key, const LinkRecord& link) {
    const auto minute = minute_of(link);
    if (minute > last->first || pinned(shared, key)) return true;
    if (minute == last->first) {
      if (older + of_last >= surplus) return true;
      of_last += key.size() + encode(link).size();
    }
    keys.emplace_back(key);
    return keys.size() < at_most && !shared.stopping;
  });
  log::debug("cache: forgetting the {} oldest links, as all take {} bytes", keys.size(), bytes);
  if (!keys.empty()) forget_links(shared, std::move(keys));
}

void sweep(Shared& shared) {
  if (!shared.loaded) return;
  std::vector<std::string> tags, links;
  shared.rocks.for_each_tag([&](std::string_view key, const TagRecord& record) {
    if (tag_is_dead(shared, key, record)) tags.emplace_back(key);
    return !shared.stopping && tags.size() < at_most;
  });
  shared.rocks.for_each_link([&](std::string_view key, const LinkRecord& record) {
    if (link_is_dead(shared, key, record)) links.emplace_back(key);
    return !shared.stopping && links.size() < at_most;
  });
  if (shared.stopping || tags.size() + links.size() == 0) return;
  log::debug("cache: forgetting {} tags and {} links that nothing needs", tags.size(),
             links.size());
  erase(shared, std::move(tags), std::move(links));
}

}  // namespace entrepot::cache
