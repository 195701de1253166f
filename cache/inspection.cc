// SPDX-License-Identifier: Apache-2.0
#include "cache/inspection.h"

#include <algorithm>
#include <future>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cache/file_digest.h"
#include "cache/layout.h"
#include "cache/loading.h"
#include "cache/shared.h"

namespace entrepot::cache {
namespace {

// Where a list goes on: "m" or "b" and the digest that came last.
constexpr char manifests_mark = 'm';
constexpr char blobs_mark = 'b';

std::optional<Digest> digest_after(std::string_view from) {
  return from.size() > 1 ? Digest::parse(from.substr(1)) : std::nullopt;
}

std::string mark(char kind, const Digest& digest) { return kind + digest.str(); }

/// Runs `work` among the writes of the index and waits for it; throws what it throws.
void in_order(Shared& shared, const std::function<void()>& work) {
  std::promise<void> done;
  shared.index_writes.post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

}  // namespace

Inspection::Stats Inspection::stats() const {
  Stats stats;
  shared_.space.index().measure();
  stats.used = shared_.space.used();
  stats.max_size = shared_.space.bound();
  stats.blobs = shared_.blobs.count();
  stats.blob_bytes = shared_.blobs.bytes();
  stats.manifests = shared_.manifests.count();
  stats.manifest_bytes = shared_.manifests.bytes();
  stats.tags = static_cast<std::uint64_t>(std::max<std::int64_t>(shared_.rocks.tag_count(), 0));
  stats.fills = shared_.space.reserved_files();
  stats.partial_bytes = shared_.partials.bytes();
  stats.quarantined_bytes = shared_.files.quarantined_bytes();
  stats.index_bytes = shared_.space.index().on_disk();
  stats.complete = shared_.loaded;
  return stats;
}

bool Inspection::loaded() const { return shared_.loaded; }

Inspection::Page Inspection::list(std::string_view from, std::size_t limit) const {
  Page page;
  const auto after = digest_after(from);
  const auto full = [&](char kind) {
    if (page.objects.size() < limit) return false;
    page.next = mark(kind, page.objects.back().digest);
    return true;
  };
  const auto add = [&](char kind, const Digest& digest, const auto& record) {
    const bool is_manifest = kind == manifests_mark;
    // Manifests come first: a page that they have filled may hold a blob more, and ends with it.
    const bool begun = !page.objects.empty() && page.objects.back().is_manifest == is_manifest;
    if (begun && full(kind)) return false;
    const auto& index = is_manifest ? shared_.manifests : shared_.blobs;
    page.objects.push_back({digest,
                            is_manifest,
                            record.size,
                            record.stored_at,
                            index.hits(digest),
                            shared_.pins.holds(digest),
                            {}});
    return true;
  };
  if (from.empty() || from[0] == manifests_mark) {
    shared_.rocks.for_each_manifest(after, [&](const auto& digest, const auto& record) {
      return add(manifests_mark, digest, record);
    });
  }
  if (!page.next) {
    const bool goes_on = !from.empty() && from[0] == blobs_mark;
    shared_.rocks.for_each_blob(
        goes_on ? after : std::nullopt,
        [&](const auto& digest, const auto& record) { return add(blobs_mark, digest, record); });
  }
  name_repositories(page.objects);
  return page;
}

/// Links are ordered by repository, so all of them are looked at once for the whole piece.
void Inspection::name_repositories(std::vector<Object>& objects) const {
  std::unordered_map<Digest, std::vector<Object*>> wanted;
  for (auto& object : objects) wanted[object.digest].push_back(&object);
  const auto add = [&](const Digest& digest, const std::string& repository) {
    const auto found = wanted.find(digest);
    if (found == wanted.end()) return;
    for (auto* object : found->second) {
      auto& names = object->repositories;
      if (names.empty() || names.back() != repository) names.push_back(repository);
    }
  };
  std::unordered_map<Digest, std::vector<Digest>> named;  // by a manifest, of those
  shared_.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
    const auto link = parse_link_key(key);
    if (!link) return true;
    const auto repository =
        std::string(link->repository.upstream) + "/" + std::string(link->repository.name);
    add(link->digest, repository);
    const auto [found, fresh] = named.try_emplace(link->digest);
    if (fresh) {
      for (const auto& digest : shared_.named_by(link->digest))
        if (wanted.contains(digest)) found->second.push_back(digest);
    }
    for (const auto& digest : found->second) add(digest, repository);
    return true;
  });
}

Inspection::Verification Inspection::verify(std::string_view from, std::uint64_t bytes,
                                            bool repair) {
  Verification result;
  std::vector<std::pair<Digest, BlobRecord>> some;
  std::uint64_t planned = 0;
  shared_.rocks.for_each_blob(digest_after(from),
                              [&](const Digest& digest, const BlobRecord& record) {
                                if (planned >= bytes || some.size() >= 1000) {
                                  result.next = mark(blobs_mark, some.back().first);
                                  return false;
                                }
                                planned += record.size;
                                some.emplace_back(digest, record);
                                return true;
                              });
  std::string done(from);
  for (const auto& [digest, record] : some) {
    if (left(digest)) continue;
    const auto verdict = check(digest, record);
    if (shared_.stopping) {  // what was not read to its end is no finding
      result.next = done;
      break;
    }
    done = mark(blobs_mark, digest);
    ++result.objects;
    result.bytes += record.size;
    if (verdict == Verdict::right) shared_.blobs.trust(digest);
    // What left or was fetched anew while it was looked at is no finding.
    if (verdict == Verdict::right || left(digest)) continue;
    result.bad.push_back({digest, record.size, verdict});
    if (repair) shared_.drop_blob(digest, verdict == Verdict::unreadable);
  }
  if (repair) in_order(shared_, [] {});
  return result;
}

bool Inspection::left(const Digest& digest) const {
  return shared_.loaded && !shared_.blobs.has(digest);
}

Inspection::Verdict Inspection::check(const Digest& digest, const BlobRecord& record) const {
  if (record.is_inline) {
    const auto bytes = shared_.rocks.blob_bytes(digest);
    if (!bytes) return Verdict::missing;
    return digest_of(digest.algorithm(), *bytes) == digest ? Verdict::right : Verdict::wrong;
  }
  const auto opened = shared_.files.open_apart(digest, record.size);
  if (!opened.file) return opened.gone ? Verdict::missing : Verdict::unreadable;
  const auto actual = digest_of_file(*opened.file, digest.algorithm(), shared_.stopping);
  if (!actual) return Verdict::unreadable;
  return *actual == digest ? Verdict::right : Verdict::wrong;
}

std::size_t Inspection::remove(const Digest& digest) {
  std::size_t removed = 0;
  in_order(shared_, [&] {
    if (shared_.rocks.blob(digest)) {
      shared_.blobs.erase(digest);
      shared_.small_blobs.erase(digest);
      shared_.rocks.erase_blob(digest);
      shared_.files.remove_blob(digest);
      ++removed;
    }
    if (shared_.rocks.manifest(digest)) {
      shared_.manifests.erase(digest);
      shared_.recent_manifests.erase(digest);
      shared_.rocks.erase_manifest(digest);
      ++removed;
    }
    if (shared_.partials.take(digest)) {
      shared_.discard_fill(digest);
      ++removed;
    }
  });
  if (removed > 0) shared_.metrics.cache_evictions("deleted").add(removed);
  return removed;
}

Inspection::Removed Inspection::remove(RepositoryRef repository,
                                       std::optional<std::string_view> tag) {
  Removed removed;
  const auto is_it = [&](RepositoryRef other) {
    return other.upstream == repository.upstream && other.name == repository.name;
  };
  std::vector<std::string> tags, links;
  std::unordered_set<Digest> own;
  shared_.rocks.for_each_tag([&](std::string_view key, const TagRecord& record) {
    const auto parsed = parse_tag_key(key);
    if (!parsed || !is_it(parsed->repository) || (tag && parsed->tag != *tag)) return true;
    tags.emplace_back(key);
    if (tag) own.insert(record.digest);
    return true;
  });
  std::vector<Digest> visible;
  if (!tag) {
    shared_.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
      const auto link = parse_link_key(key);
      if (!link || !is_it(link->repository)) return true;
      links.emplace_back(key);
      own.insert(link->digest);
      own.merge(shared_.named_by(link->digest));
      return true;
    });
    visible.assign(own.begin(), own.end());
    std::unordered_set<Digest> looked_at;
    shared_.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
      const auto link = parse_link_key(key);
      if (!link || is_it(link->repository)) return true;
      own.erase(link->digest);
      if (looked_at.insert(link->digest).second)
        for (const auto& digest : shared_.named_by(link->digest)) own.erase(digest);
      return true;
    });
  } else {
    own.clear();  // other tags, and whoever pulls by digest, may need what it names
  }
  in_order(shared_, [&] {
    for (const auto& key : tags) {
      shared_.tags.erase(key);
      shared_.rocks.erase_tag(key);
    }
    for (const auto& digest : visible) shared_.links.erase(link_key(repository, digest));
    for (const auto& key : links) shared_.rocks.erase_link(key);
  });
  removed.tags = tags.size();
  for (const auto& digest : own) removed.objects += remove(digest);
  return removed;
}

Inspection::PinList Inspection::pins() const {
  return {shared_.pins.configured(), shared_.pins.commanded()};
}

Inspection::PinChange Inspection::pin(std::string_view pattern) {
  if (!Pins::valid(pattern)) return PinChange::invalid;
  auto patterns = shared_.pins.commanded();
  if (std::find(patterns.begin(), patterns.end(), pattern) != patterns.end())
    return PinChange::unchanged;
  patterns.emplace_back(pattern);
  return set_pins(std::move(patterns));
}

Inspection::PinChange Inspection::unpin(std::string_view pattern) {
  auto patterns = shared_.pins.commanded();
  if (std::erase(patterns, pattern) > 0) return set_pins(std::move(patterns));
  const auto configured = shared_.pins.configured();
  return std::find(configured.begin(), configured.end(), pattern) != configured.end()
             ? PinChange::configured
             : PinChange::unchanged;
}

Inspection::PinChange Inspection::set_pins(std::vector<std::string> patterns) {
  std::string lines;
  for (const auto& pattern : patterns) lines += pattern + "\n";
  if (!shared_.rocks.put_note("pins", lines, true)) return PinChange::failed;
  shared_.pins.set_commanded(std::move(patterns));
  const auto notes = shared_.pins.keep_notes();
  in_order(shared_, [] {});  // links of before are in RocksDB now, later ones are noted
  return Loading::count_pinned(shared_) ? PinChange::done : PinChange::failed;
}

}  // namespace entrepot::cache
