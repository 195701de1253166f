// SPDX-License-Identifier: Apache-2.0
#include "cache/loading.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cache/layout.h"
#include "cache/left_fills.h"
#include "cache/lines.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// What was stored so shortly before an unclean end is looked at before it is served. A minute more
/// for the note that says when the process last lived.
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

void Loading::begin() {
  RocksIndex& rocks = shared_.rocks;
  shared_.bytes_before = number(rocks.note("bytes")).value_or(0);
  if (const auto since = time_of(rocks.note("doubtful"))) shared_.doubtful_since = *since;
  if (const auto lived = time_of(rocks.note("running"))) {
    shared_.doubtful_since = std::min(shared_.doubtful_since, *lived - doubtful_for);
    rocks.put_note("doubtful", text_of(shared_.doubtful_since), true);
    log::warn(
        "cache: the last process did not end in order; what it stored in its last minutes is "
        "compared with its digest before it is served");
  }
  rocks.put_note("running", text_of(shared_.clock.wall()), true);
  read_pins(shared_);
  pinned_since_ = shared_.pins.keep_notes();
  read_partials(shared_);
}

void Loading::read_partials(Shared& shared) {
  for (auto& partial : left_fills(Layout(shared.options.directory))) {
    partial.origins = shared.left_by(partial.digest);
    shared.partials.add(std::move(partial));
  }
}

void Loading::read_pins(Shared& shared) {
  auto pins = lines_of(shared.rocks.note("pins").value_or(""));
  std::erase_if(pins, [](const std::string& pattern) { return !Pins::valid(pattern); });
  shared.pins.set_commanded(std::move(pins));
}

bool Loading::run() {
  std::vector<Digest> doubtful;
  const bool all_blobs =
      shared_.rocks.for_each_blob({}, [&](const Digest& digest, const BlobRecord& record) {
        const auto stored = shared_.as_stored(record);
        if (stored.doubtful) doubtful.push_back(digest);
        shared_.blobs.restore(digest, stored);
        return !shared_.stopping;
      });
  const bool all_manifests = shared_.rocks.for_each_manifest(
      {}, [this](const Digest& digest, const ManifestRecord& record) {
        shared_.manifests.restore(
            digest, {record.size, shared_.in_index(Resource::manifest, record.size), false,
                     shared_.origins.parse(record.origins)});
        return !shared_.stopping;
      });
  const bool all_pinned = count_pinned(shared_);
  if (shared_.stopping || !all_blobs || !all_manifests || !all_pinned) {
    shared_.load_failed = true;
    return false;
  }
  pinned_since_.reset();
  shared_.loaded = true;
  log::debug("cache: {} blobs ({} bytes) and {} manifests are known; {} blobs are doubtful",
             shared_.blobs.count(), shared_.blobs.bytes(), shared_.manifests.count(),
             doubtful.size());
  scrub_.look_first_at(std::move(doubtful));
  shared_.space.index().loaded();
  shared_.space.trim();
  shared_.update_gauges();
  return true;
}

void Loading::note_alive(Shared& shared) {
  shared.rocks.put_note("running", text_of(shared.clock.wall()));
  if (shared.loaded) shared.rocks.put_note("bytes", std::to_string(shared.blobs.file_bytes()));
}

void Loading::note_end(Shared& shared) {
  if (!shared.rocks.healthy()) return;
  if (shared.loaded) shared.rocks.put_note("bytes", std::to_string(shared.blobs.file_bytes()));
  shared.rocks.erase_note("running");
}

bool Loading::count_pinned(Shared& shared) {
  return shared.pins.recount([&shared](Pins::Held& held) {
    if (!shared.pins.any()) return true;
    const bool all = shared.rocks.for_each_link([&](std::string_view key, const LinkRecord&) {
      const auto link = parse_link_key(key);
      if (!link || !shared.pins.covers(link->repository)) return !shared.stopping;
      held.insert(link->digest.hash());
      for (const auto& digest : shared.named_by(link->digest)) held.insert(digest.hash());
      return !shared.stopping;
    });
    return all && !shared.stopping;
  });
}

}  // namespace entrepot::cache
