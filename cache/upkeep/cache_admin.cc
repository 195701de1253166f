// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/cache_admin.h"

#include <algorithm>
#include <future>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cache/index/layout.h"
#include "cache/space/storage.h"
#include "cache/store/file_digest.h"
#include "cache/upkeep/startup.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

// Position in a list: "m" or "b" followed by the last digest.
constexpr char manifests_mark = 'm';
constexpr char blobs_mark = 'b';

std::optional<Digest> digest_after(std::string_view from) {
  return from.size() > 1 ? Digest::parse(from.substr(1)) : std::nullopt;
}

std::string mark(char kind, const Digest& digest) { return kind + digest.str(); }

/// Runs `work` in the order of the index writes and waits for it. Rethrows its exceptions.
void run_in_write_order(Storage& storage, const std::function<void()>& work) {
  std::promise<void> done;
  storage.index_writes.post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

bool same_repository(RepositoryRef a, RepositoryRef b) {
  return a.upstream == b.upstream && a.name == b.name;
}

/// The keys of the repository's tags, or of one of them.
std::vector<std::string> keys_of_tags(const RocksIndex& rocks, RepositoryRef repository,
                                      std::optional<std::string_view> tag) {
  std::vector<std::string> keys;
  rocks.for_each_tag([&](std::string_view key, const TagRecord&) {
    const auto parsed = parse_tag_key(key);
    if (parsed && same_repository(parsed->repository, repository) && (!tag || parsed->tag == *tag))
      keys.emplace_back(key);
    return true;
  });
  return keys;
}

/// The links of one repository.
struct RepositoryLinks {
  std::vector<std::string> keys;
  std::vector<Digest> visible;     ///< all objects that clients see under it
  std::unordered_set<Digest> own;  ///< those that no other repository names
};

RepositoryLinks links_of(Storage& storage, RepositoryRef repository) {
  RepositoryLinks links;
  storage.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
    const auto link = parse_link_key(key);
    if (!link || !same_repository(link->repository, repository)) return true;
    links.keys.emplace_back(key);
    links.own.insert(link->digest);
    links.own.merge(storage.links.named_by(link->digest));
    return true;
  });
  links.visible.assign(links.own.begin(), links.own.end());
  std::unordered_set<Digest> looked_at;
  storage.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
    const auto link = parse_link_key(key);
    if (!link || same_repository(link->repository, repository)) return true;
    links.own.erase(link->digest);
    if (looked_at.insert(link->digest).second)
      for (const auto& digest : storage.links.named_by(link->digest)) links.own.erase(digest);
    return true;
  });
  return links;
}

}  // namespace

CacheAdmin::Stats CacheAdmin::stats() const {
  Stats stats;
  storage_.index_room.measure();
  stats.used = storage_.budget.used();
  stats.max_size = storage_.budget.bound();
  stats.free = storage_.disk.free_bytes();
  stats.reserve = storage_.limits.reserve_free;
  stats.no_room = no_room(storage_.budget.numbers());
  stats.blobs = storage_.store.blobs().count();
  stats.blob_bytes = storage_.store.blobs().bytes();
  stats.manifests = storage_.store.manifests().count();
  stats.manifest_bytes = storage_.store.manifests().bytes();
  stats.tags = static_cast<std::uint64_t>(std::max<std::int64_t>(storage_.rocks.usage().tags(), 0));
  stats.fills = storage_.budget.reserved_files();
  stats.partial_bytes = storage_.store.partials().bytes();
  stats.quarantined_bytes = storage_.files.quarantined().bytes();
  stats.index_bytes = storage_.index_room.on_disk();
  stats.complete = storage_.lifecycle.loaded;
  return stats;
}

bool CacheAdmin::loaded() const { return storage_.lifecycle.loaded; }

CacheAdmin::Page CacheAdmin::list(std::string_view from, std::size_t limit) const {
  Page page;
  const auto after = digest_after(from);
  const auto full = [&](char kind) {
    if (page.objects.size() < limit) return false;
    page.next = mark(kind, page.objects.back().digest);
    return true;
  };
  const auto add = [&](char kind, const Digest& digest, const auto& record) {
    const bool is_manifest = kind == manifests_mark;
    // Manifests come first. A page filled by manifests may hold one more object, a blob, and ends
    // with it.
    const bool begun = !page.objects.empty() && page.objects.back().is_manifest == is_manifest;
    if (begun && full(kind)) return false;
    const auto& index = is_manifest ? storage_.store.manifests() : storage_.store.blobs();
    page.objects.push_back({digest,
                            is_manifest,
                            record.size,
                            record.stored_at,
                            index.uses(digest).hits,
                            storage_.pins.contains(digest),
                            {}});
    return true;
  };
  if (from.empty() || from[0] == manifests_mark) {
    storage_.rocks.for_each_manifest(after, [&](const auto& digest, const auto& record) {
      return add(manifests_mark, digest, record);
    });
  }
  if (!page.next) {
    const bool continues_blobs = !from.empty() && from[0] == blobs_mark;
    storage_.rocks.for_each_blob(
        continues_blobs ? after : std::nullopt,
        [&](const auto& digest, const auto& record) { return add(blobs_mark, digest, record); });
  }
  name_repositories(page.objects);
  return page;
}

ImagePage CacheAdmin::images(std::string_view pattern, std::string_view from,
                             std::size_t limit) const {
  return list_images(storage_, pattern, from, limit);
}

/// Links are ordered by repository, so all of them are scanned once per page.
void CacheAdmin::name_repositories(std::vector<Object>& objects) const {
  std::unordered_map<Digest, std::vector<Object*>> by_digest;
  for (auto& object : objects) by_digest[object.digest].push_back(&object);
  const auto add = [&](const Digest& digest, const std::string& repository) {
    const auto found = by_digest.find(digest);
    if (found == by_digest.end()) return;
    for (auto* object : found->second) {
      auto& names = object->repositories;
      if (names.empty() || names.back() != repository) names.push_back(repository);
    }
  };
  // maps an object to the manifests that name it
  std::unordered_map<Digest, std::vector<Digest>> named;
  storage_.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
    const auto link = parse_link_key(key);
    if (!link) return true;
    const auto repository =
        std::string(link->repository.upstream) + "/" + std::string(link->repository.name);
    add(link->digest, repository);
    const auto [found, fresh] = named.try_emplace(link->digest);
    if (fresh) {
      for (const auto& digest : storage_.links.named_by(link->digest))
        if (by_digest.contains(digest)) found->second.push_back(digest);
    }
    for (const auto& digest : found->second) add(digest, repository);
    return true;
  });
}

CacheAdmin::Verification CacheAdmin::verify(std::string_view from, std::uint64_t bytes,
                                            bool repair) {
  Verification result;
  std::vector<std::pair<Digest, BlobRecord>> batch;
  std::uint64_t planned = 0;
  storage_.rocks.for_each_blob(digest_after(from),
                               [&](const Digest& digest, const BlobRecord& record) {
                                 if (planned >= bytes || batch.size() >= 1000) {
                                   result.next = mark(blobs_mark, batch.back().first);
                                   return false;
                                 }
                                 planned += record.size;
                                 batch.emplace_back(digest, record);
                                 return true;
                               });
  std::string done(from);
  for (const auto& [digest, record] : batch) {
    if (is_removed(digest)) continue;
    const auto verdict = check(digest, record);
    if (storage_.lifecycle.stopping) {  // a partial read proves nothing
      result.next = done;
      break;
    }
    done = mark(blobs_mark, digest);
    ++result.objects;
    result.bytes += record.size;
    if (verdict == Finding::right) storage_.store.blobs().trust(digest);
    // Ignore objects that were evicted or replaced during the check.
    if (verdict == Finding::right || is_removed(digest)) continue;
    result.bad.push_back({digest, record.size, verdict});
    if (repair) remove_bad(result.bad.back());
  }
  if (repair) run_in_write_order(storage_, [] {});
  return result;
}

void CacheAdmin::remove_bad(const Checked& bad) {
  if (!storage_.store.drop_blob(bad.digest, bad.verdict == Finding::unreadable)) return;
  if (bad.verdict == Finding::missing) return;
  storage_.environment.metrics.cache().evictions(metrics::EvictionReason::corrupt).add();
  log::error(
      "cache: a verification found that {} {}; it is removed, and fetched again when a client "
      "requests it. Check the disk under {}",
      bad.digest.str(),
      bad.verdict == Finding::wrong ? "does not have that digest any more" : "cannot be read",
      storage_.environment.options.directory.string());
}

bool CacheAdmin::is_removed(const Digest& digest) const {
  return storage_.lifecycle.loaded && !storage_.store.blobs().has(digest);
}

CacheAdmin::Finding CacheAdmin::check(const Digest& digest, const BlobRecord& record) const {
  if (record.is_inline) {
    const auto bytes = storage_.rocks.blob_bytes(digest);
    if (!bytes) return Finding::missing;
    return digest_of(digest.algorithm(), *bytes) == digest ? Finding::right : Finding::wrong;
  }
  const auto opened = storage_.files.open_apart(digest, record.size);
  if (!opened.file) return opened.gone ? Finding::missing : Finding::unreadable;
  const auto actual = digest_of_file(*opened.file, digest.algorithm(), storage_.lifecycle.stopping);
  if (!actual) return Finding::unreadable;
  return *actual == digest ? Finding::right : Finding::wrong;
}

std::size_t CacheAdmin::remove(const Digest& digest) {
  std::size_t removed = 0;
  run_in_write_order(storage_, [&] {
    if (storage_.rocks.blob(digest)) {
      storage_.store.blobs().erase(digest);
      storage_.store.forget_bytes(Resource::blob, digest);
      storage_.rocks.erase_blob(digest);
      storage_.files.remove_blob(digest);
      ++removed;
    }
    if (storage_.rocks.manifest(digest)) {
      storage_.store.manifests().erase(digest);
      storage_.store.forget_bytes(Resource::manifest, digest);
      storage_.rocks.erase_manifest(digest);
      ++removed;
    }
    if (storage_.store.partials().take(digest)) {
      storage_.notes.discard_file(digest);
      ++removed;
    }
  });
  if (removed > 0)
    storage_.environment.metrics.cache().evictions(metrics::EvictionReason::deleted).add(removed);
  return removed;
}

CacheAdmin::Removed CacheAdmin::remove(RepositoryRef repository,
                                       std::optional<std::string_view> tag) {
  const auto tags = keys_of_tags(storage_.rocks, repository, tag);
  RepositoryLinks links;
  // A tag's objects stay: other tags, and clients that pull by digest, may need them.
  if (!tag) links = links_of(storage_, repository);
  run_in_write_order(storage_, [&] {
    for (const auto& key : tags) {
      storage_.tags.erase(key);
      storage_.rocks.erase_tag(key);
    }
    for (const auto& digest : links.visible)
      storage_.links.erase_known(link_key(repository, digest));
    for (const auto& key : links.keys) storage_.rocks.erase_link(key);
  });
  Removed removed;
  removed.tags = tags.size();
  for (const auto& digest : links.own) removed.objects += remove(digest);
  return removed;
}

CacheAdmin::PinList CacheAdmin::pins() const {
  return {storage_.pins.configured(), storage_.pins.commanded()};
}

CacheAdmin::PinChange CacheAdmin::pin(std::string_view pattern) {
  if (!Pins::valid(pattern)) return PinChange::invalid;
  auto patterns = storage_.pins.commanded();
  if (std::find(patterns.begin(), patterns.end(), pattern) != patterns.end())
    return PinChange::unchanged;
  patterns.emplace_back(pattern);
  return set_pins(std::move(patterns));
}

CacheAdmin::PinChange CacheAdmin::unpin(std::string_view pattern) {
  auto patterns = storage_.pins.commanded();
  if (std::erase(patterns, pattern) > 0) return set_pins(std::move(patterns));
  const auto configured = storage_.pins.configured();
  return std::find(configured.begin(), configured.end(), pattern) != configured.end()
             ? PinChange::configured
             : PinChange::unchanged;
}

CacheAdmin::PinChange CacheAdmin::set_pins(std::vector<std::string> patterns) {
  std::string lines;
  for (const auto& pattern : patterns) lines += pattern + "\n";
  if (!storage_.rocks.notes().put("pins", lines, true)) return PinChange::failed;
  storage_.pins.set_commanded(std::move(patterns));
  const auto notes = storage_.pins.keep_notes();
  run_in_write_order(storage_, [] {});  // earlier links are in RocksDB now, later ones are noted
  return Startup::count_pinned(storage_) ? PinChange::done : PinChange::failed;
}

}  // namespace entrepot::cache
