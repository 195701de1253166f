// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "metrics/word_table.h"

namespace entrepot::cache {

struct Storage;

/// How much of the image that a tag names is stored.
enum class ImageState : std::uint8_t {
  present,  ///< all of it; of an image index, at least one of its images, and those that are begun
  partial,  ///< its manifest, but not all that it names
  absent,   ///< the tag only: its manifest has been evicted or removed
};

/// A known tag.
struct Image {
  std::string repository = {};  ///< "docker.io/library/alpine"
  std::string tag = {};
  Digest digest;  ///< that the tag names since its last check
  ImageState state = ImageState::absent;
  std::uint64_t bytes = 0;  ///< stored: its manifests, and each blob once
  std::size_t missing = 0;  ///< objects that a stored manifest of it names, and that are not stored
  std::size_t images = 0;   ///< manifests that an image index names; 0 for an image
  std::size_t images_here = 0;  ///< those that are stored
  WallTime checked_at{};        ///< when its upstream last confirmed the tag
  /// When its manifest was last served or, if it was not since the start of the process, stored. To
  /// a quarter of an hour. nullopt: it is not stored.
  std::optional<WallTime> pulled_at = std::nullopt;
};

/// A page of the tags in the order of their names, and the start of the next page; nullopt at the
/// end.
struct ImagePage {
  std::vector<Image> images;
  std::optional<std::string> next;
};

/// Lists the known tags that `pattern` matches: a shell glob of [UPSTREAM/]REPOSITORY[:TAG], or of
/// the end of that name after a slash ("alpine:3*"); an asterisk matches slashes, too. Empty: all.
/// `from`: empty, or the `next` of the page before. May block: reads the manifests of the tags.
ImagePage list_images(Storage& storage, std::string_view pattern, std::string_view from,
                      std::size_t limit);

/// True for a pattern that list_images() takes: empty, or as that of a pin.
bool is_image_pattern(std::string_view pattern);

}  // namespace entrepot::cache

namespace entrepot::metrics {

template <>
inline constexpr auto words<cache::ImageState> = make_words<cache::ImageState>({
    {cache::ImageState::present, "present"},
    {cache::ImageState::partial, "partial"},
    {cache::ImageState::absent, "absent"},
});

}  // namespace entrepot::metrics
