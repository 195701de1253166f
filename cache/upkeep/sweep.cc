// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/sweep.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cache/index/layout.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// A link may be older than its object, because a manifest links layers before they are requested.
constexpr std::chrono::days link_kept_for{1};
/// Maximum number of records of a kind found in one sweep, and erased in one write.
constexpr std::size_t max_found = 100'000;
constexpr std::size_t batch_size = 64;
/// Divisor of the cache size that bounds the size of links, and the minimum bound in bytes.
constexpr std::uint64_t links_part = 32;
constexpr std::uint64_t min_links_size = 1 << 20;

bool tag_is_dead(const Storage& storage, std::string_view key, const TagRecord& record) {
  const auto tag = parse_tag_key(key);
  if (!tag) return true;
  const auto freshness = storage.tags.freshness(tag->repository.upstream);
  return age_of(record.checked_at, storage.environment.clock.wall()) >
         freshness->fresh_for(tag->tag) + freshness->stale_for();
}

bool link_is_dead(Storage& storage, std::string_view key, const LinkRecord& record) {
  const auto link = parse_link_key(key);
  if (!link) return true;
  return age_of(record.proven_at, storage.environment.clock.wall()) > link_kept_for &&
         !storage.store.blobs().has(link->digest) && !storage.store.manifests().has(link->digest);
}

/// Removes the keys that are still dead from the last few of `keys`, and returns them.
template <typename IsDead>
std::vector<std::string> take_dead(std::vector<std::string>& keys, IsDead is_dead) {
  std::vector<std::string> dead;
  for (std::size_t i = 0; i < batch_size && !keys.empty(); ++i) {
    if (is_dead(keys.back())) dead.push_back(std::move(keys.back()));
    keys.pop_back();
  }
  return dead;
}

/// Erases in the order of other writes, a few records at a time. Checks each record again, because
/// it may have been renewed.
void erase(Storage& storage, std::vector<std::string> tags, std::vector<std::string> links) {
  storage.index_writes.post([&storage, tags = std::move(tags), links = std::move(links)]() mutable {
    const auto dead_tags = take_dead(tags, [&storage](const std::string& key) {
      const auto record = storage.rocks.tag(key);
      return record && tag_is_dead(storage, key, *record);
    });
    const auto dead_links = take_dead(links, [&storage](const std::string& key) {
      const auto record = storage.rocks.link(key);
      return record && link_is_dead(storage, key, *record);
    });
    if (!storage.rocks.erase_all(dead_tags, dead_links) || storage.lifecycle.stopping) return;
    if (tags.size() + links.size() > 0) erase(storage, std::move(tags), std::move(links));
  });
}

std::uint64_t links_share(const Storage& storage) {
  return std::max(storage.limits.max_size / links_part, min_links_size);
}

std::int64_t minute_of(const LinkRecord& link) {
  return std::chrono::floor<std::chrono::minutes>(link.proven_at).time_since_epoch().count();
}

bool pinned(const Storage& storage, std::string_view key) {
  const auto link = parse_link_key(key);
  return link && storage.pins.covers(link->repository);
}

/// Size of the links by age in minutes.
std::map<std::int64_t, std::uint64_t> links_by_age(const Storage& storage, std::uint64_t& bytes) {
  std::map<std::int64_t, std::uint64_t> by_age;
  storage.rocks.for_each_link([&](std::string_view key, const LinkRecord& link) {
    const auto size = key.size() + encode(link).size();
    bytes += size;
    if (!pinned(storage, key)) by_age[minute_of(link)] += size;
    return !storage.lifecycle.stopping;
  });
  return by_age;
}

void forget_links(Storage& storage, std::vector<std::string> keys) {
  storage.index_writes.post([&storage, keys = std::move(keys)]() mutable {
    const auto some = take_dead(keys, [](const std::string&) { return true; });
    for (const auto& key : some) storage.links.erase_known(key);
    if (!storage.rocks.erase_all({}, some) || storage.lifecycle.stopping || keys.empty()) return;
    forget_links(storage, std::move(keys));
  });
}

}  // namespace

void trim_links(Storage& storage) {
  const auto share = links_share(storage);
  if (storage.rocks.usage().links_bytes() <= share) return;
  std::uint64_t bytes = 0;
  const auto by_age = links_by_age(storage, bytes);
  if (bytes <= share || storage.lifecycle.stopping) return;
  // Trims to seven eighths, so that the next trim is not due immediately.
  const auto surplus = bytes - share / 8 * 7;
  std::uint64_t older = 0;
  auto last = by_age.begin();
  while (last != by_age.end() && older + last->second < surplus) older += (last++)->second;
  if (last == by_age.end()) return;
  // All links older than that minute, and as many of that minute as are still needed.
  std::uint64_t of_last = 0;
  std::vector<std::string> keys;
  storage.rocks.for_each_link([&](std::string_view key, const LinkRecord& link) {
    const auto minute = minute_of(link);
    if (minute > last->first || pinned(storage, key)) return true;
    if (minute == last->first) {
      if (older + of_last >= surplus) return true;
      of_last += key.size() + encode(link).size();
    }
    keys.emplace_back(key);
    return keys.size() < max_found && !storage.lifecycle.stopping;
  });
  log::debug("cache: erasing the {} oldest links, because all links take {} bytes", keys.size(),
             bytes);
  if (!keys.empty()) forget_links(storage, std::move(keys));
}

void sweep(Storage& storage) {
  if (!storage.lifecycle.loaded) return;
  std::vector<std::string> tags, links;
  storage.rocks.for_each_tag([&](std::string_view key, const TagRecord& record) {
    if (tag_is_dead(storage, key, record)) tags.emplace_back(key);
    return !storage.lifecycle.stopping && tags.size() < max_found;
  });
  storage.rocks.for_each_link([&](std::string_view key, const LinkRecord& record) {
    if (link_is_dead(storage, key, record)) links.emplace_back(key);
    return !storage.lifecycle.stopping && links.size() < max_found;
  });
  if (storage.lifecycle.stopping || tags.size() + links.size() == 0) return;
  log::debug("cache: erasing {} obsolete tags and {} obsolete links", tags.size(), links.size());
  erase(storage, std::move(tags), std::move(links));
}

}  // namespace entrepot::cache
