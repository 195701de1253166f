// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/image_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "cache/index/layout.h"
#include "cache/space/storage.h"

namespace entrepot::cache {
namespace {

/// The repositories and tags that an operator means. Immutable.
class Pattern {
 public:
  explicit Pattern(std::string_view text) : whole_(text), end_("*/" + whole_) {}

  bool matches(const TagKey& key) const {
    if (whole_.empty()) return true;
    std::string name(key.repository.upstream);
    name.append("/").append(key.repository.name);
    return matches(name) || matches(name.append(":").append(key.tag));
  }

 private:
  bool matches(const std::string& name) const {
    return ::fnmatch(whole_.c_str(), name.c_str(), 0) == 0 ||
           ::fnmatch(end_.c_str(), name.c_str(), 0) == 0;
  }

  const std::string whole_, end_;
};

/// The key of UPSTREAM/REPOSITORY:TAG; empty for any other text, which is before all keys.
std::string key_of(std::string_view name) {
  const auto slash = name.find('/');
  const auto colon = name.rfind(':');
  if (slash == name.npos || colon == name.npos || colon < slash) return {};
  return tag_key({name.substr(0, slash), name.substr(slash + 1, colon - slash - 1)},
                 name.substr(colon + 1));
}

/// Adds up what is stored of one image.
class Survey {
 public:
  Survey(Storage& storage, Image& image) : storage_(storage), image_(image) {}

  void make() {
    const auto manifest = storage_.store.load_manifest(image_.digest);
    if (!manifest) return;
    note_pull();
    add_manifest(image_.digest, *manifest);
    bool begun = false;
    for (const auto& child : references(*manifest)) begun |= add(child);
    // Clients pull the images of their platforms only.
    const bool is_index = image_.images > 0;
    const bool whole = is_index ? begun && image_.missing == 0 : image_.missing == 0;
    image_.state = whole ? ImageState::present : ImageState::partial;
  }

 private:
  static const std::vector<Digest>& references(const Content& manifest) {
    static const std::vector<Digest> none;
    return manifest.references ? *manifest.references : none;
  }

  static bool is_index(const Content& manifest) {
    return manifest.media_type.find("index") != std::string::npos ||
           manifest.media_type.find("manifest.list") != std::string::npos;
  }

  void add_manifest(const Digest& digest, const Content& manifest) {
    if (seen_.insert(digest).second) image_.bytes += manifest.size;
    if (is_index(manifest)) image_.images = references(manifest).size();
  }

  /// True if it is an image of an index, and stored.
  bool add(const Digest& digest) {
    if (image_.images == 0) {
      add_blob(digest);
      return false;
    }
    const auto child = storage_.store.load_manifest(digest);
    if (!child) return false;
    ++image_.images_here;
    if (seen_.insert(digest).second) image_.bytes += child->size;
    for (const auto& blob : references(*child)) add_blob(blob);
    return true;
  }

  void add_blob(const Digest& digest) {
    if (!seen_.insert(digest).second) return;
    if (const auto record = storage_.rocks.blob(digest))
      image_.bytes += record->size;
    else
      ++image_.missing;
  }

  void note_pull() {
    const auto& manifests = storage_.store.manifests();
    if (const auto record = storage_.rocks.manifest(image_.digest))
      image_.pulled_at = record->stored_at;
    const auto uses = manifests.uses(image_.digest);
    if (uses.hits == 0) return;
    const WallTime used_at = storage_.environment.clock.wall() - uses.since;
    image_.pulled_at = std::max(image_.pulled_at.value_or(used_at), used_at);
  }

  Storage& storage_;
  Image& image_;
  std::unordered_set<Digest> seen_;
};

}  // namespace

bool is_image_pattern(std::string_view pattern) { return pattern.empty() || Pins::valid(pattern); }

ImagePage list_images(Storage& storage, std::string_view pattern, std::string_view from,
                      std::size_t limit) {
  const Pattern wanted(pattern);
  const std::string start = key_of(from);
  ImagePage page;
  storage.rocks.for_each_tag(
      [&](std::string_view key, const TagRecord& record) {
        const auto parsed = parse_tag_key(key);
        if (!parsed || key == start || !wanted.matches(*parsed)) return true;
        if (page.images.size() == limit) {
          const auto& last = page.images.back();
          page.next = last.repository + ":" + last.tag;
          return false;
        }
        Image& image = page.images.emplace_back(Image{.digest = record.digest});
        image.repository =
            std::string(parsed->repository.upstream) + "/" + std::string(parsed->repository.name);
        image.tag = parsed->tag;
        image.checked_at = record.checked_at;
        return true;
      },
      start);
  // After the iteration, which keeps RocksDB from removing what it may still read.
  for (Image& image : page.images) Survey(storage, image).make();
  return page;
}

}  // namespace entrepot::cache
