// SPDX-License-Identifier: Apache-2.0
// What the cache reads in a manifest: its type and which digests it names. The bytes themselves are
// never changed or re-serialised.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/digest.h"

namespace entrepot::cache {

/// Entries of all lists of a manifest together.
inline constexpr std::size_t max_references = 20'000;
inline constexpr int max_manifest_depth = 32;

/// A document that parses as an image manifest, an image index or their Docker forms.
struct ManifestOutline {
  /// What the document says of itself (in the form of parse_media_type()), or what its members
  /// imply where it says nothing that is a media type.
  std::string media_type;
  /// Config, layers, blobs and child manifests, in order and each once, without foreign layers
  /// (those with `urls`, which are fetched elsewhere).
  std::vector<Digest> references;
  /// Nested deeper than max_manifest_depth or with more entries than max_references: made to hurt
  /// who reads it. Nothing else is filled in then.
  bool over_limits = false;
};

/// nullopt for anything that is not a manifest: no JSON object, or without a manifest's members (an
/// HTML login page, an error document). Takes any bytes.
std::optional<ManifestOutline> parse_manifest(std::string_view bytes);

}  // namespace entrepot::cache
