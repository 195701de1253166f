// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/startup.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cache/base/lines.h"
#include "cache/index/layout.h"
#include "cache/upkeep/left_fills.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Blobs stored within this time before an unclean shutdown are verified before they are served. It
/// includes a minute for the age of the "running" note.
constexpr std::chrono::minutes doubtful_for{11};

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<WallTime> time_of(const std::optional<std::string>& text) {
  const auto value = number(text);
  if (!value) return std::nullopt;
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(*value)));
}

std::string text_of(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

}  // namespace

void Startup::begin() {
  RocksIndex& rocks = storage_.rocks;
  storage_.lifecycle.bytes_before = number(rocks.notes().get("bytes")).value_or(0);
  if (const auto since = time_of(rocks.notes().get("doubtful")))
    storage_.lifecycle.doubtful_since = *since;
  if (const auto last_alive = time_of(rocks.notes().get("running"))) {
    storage_.lifecycle.doubtful_since =
        std::min(storage_.lifecycle.doubtful_since, *last_alive - doubtful_for);
    rocks.notes().put("doubtful", text_of(storage_.lifecycle.doubtful_since), true);
    log::warn(
        "cache: the last process did not end in order; blobs of its last minutes are "
        "verified before they are served");
  }
  rocks.notes().put("running", text_of(storage_.environment.clock.wall()), true);
  read_pins(storage_);
  pinned_since_ = storage_.pins.keep_notes();
  read_partials(storage_);
  storage_.notes.drop_unused();
}

void Startup::read_partials(Storage& storage) {
  for (auto& partial : left_fills(Layout(storage.options.directory))) {
    partial.origins = storage.notes.origins_of(partial.digest);
    storage.store.partials().add(std::move(partial));
  }
}

void Startup::read_pins(Storage& storage) {
  auto pins = lines_of(storage.rocks.notes().get("pins").value_or(""));
  std::erase_if(pins, [](const std::string& pattern) { return !Pins::valid(pattern); });
  storage.pins.set_commanded(std::move(pins));
}

bool Startup::run() {
  std::vector<Digest> doubtful;
  const bool all_blobs =
      storage_.rocks.for_each_blob({}, [&](const Digest& digest, const BlobRecord& record) {
        const auto stored = storage_.store.as_stored(record);
        if (stored.doubtful) doubtful.push_back(digest);
        storage_.store.blobs().restore(digest, stored);
        return !storage_.lifecycle.stopping;
      });
  const bool all_manifests = storage_.rocks.for_each_manifest(
      {}, [this](const Digest& digest, const ManifestRecord& record) {
        storage_.store.manifests().restore(
            digest, {record.size, storage_.store.in_index(Resource::manifest, record.size), false,
                     storage_.origins.parse(record.origins)});
        return !storage_.lifecycle.stopping;
      });
  const bool all_pinned = count_pinned(storage_);
  if (storage_.lifecycle.stopping || !all_blobs || !all_manifests || !all_pinned) {
    storage_.lifecycle.load_failed = true;
    return false;
  }
  pinned_since_.reset();
  storage_.lifecycle.loaded = true;
  log::debug("cache: {} blobs ({} bytes) and {} manifests are known; {} blobs are doubtful",
             storage_.store.blobs().count(), storage_.store.blobs().bytes(),
             storage_.store.manifests().count(), doubtful.size());
  scrub_.verify_first(std::move(doubtful));
  storage_.index_room.loaded();
  storage_.budget.trim();
  storage_.budget.publish_gauges();
  return true;
}

void Startup::note_alive(Storage& storage) {
  storage.rocks.notes().put("running", text_of(storage.environment.clock.wall()));
  if (storage.lifecycle.loaded)
    storage.rocks.notes().put("bytes", std::to_string(storage.store.blobs().file_bytes()));
}

void Startup::note_end(Storage& storage) {
  if (!storage.rocks.health().healthy()) return;
  if (storage.lifecycle.loaded)
    storage.rocks.notes().put("bytes", std::to_string(storage.store.blobs().file_bytes()));
  storage.rocks.notes().erase("running");
}

bool Startup::count_pinned(Storage& storage) {
  return storage.pins.recount([&storage](Pins::Hashes& hashes) {
    if (!storage.pins.any()) return true;
    const bool all = storage.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
      const auto link = parse_link_key(key);
      if (!link || !storage.pins.covers(link->repository)) return !storage.lifecycle.stopping;
      hashes.insert(link->digest.hash());
      for (const auto& digest : storage.links.named_by(link->digest)) hashes.insert(digest.hash());
      return !storage.lifecycle.stopping;
    });
    return all && !storage.lifecycle.stopping;
  });
}

}  // namespace entrepot::cache
