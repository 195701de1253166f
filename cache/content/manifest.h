// SPDX-License-Identifier: Apache-2.0
// Parses the type of a manifest and the digests it references. The bytes themselves are never
// changed or re-serialised.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/digest.h"

namespace entrepot::cache {

/// Maximum number of entries in all lists of a manifest together.
inline constexpr std::size_t max_references = 20'000;
inline constexpr int max_manifest_depth = 32;

/// The outline of an image manifest, an image index or their Docker forms.
struct ManifestOutline {
  /// The media type that the document declares (normalised by parse_media_type()), or the type
  /// implied by its members if it declares none.
  std::string media_type;
  /// Config, layers, blobs and child manifests, in order and each once. Excludes foreign layers
  /// (those with `urls`), which are fetched from elsewhere.
  std::vector<Digest> references;
  /// The document is nested deeper than max_manifest_depth or has more entries than max_references,
  /// as an attack on its parser would. The other members are then empty.
  bool over_limits = false;
};

/// Parses a manifest from arbitrary bytes. Returns nullopt for anything else: no JSON object, or
/// one without the members of a manifest (an HTML login page, an error document).
std::optional<ManifestOutline> parse_manifest(std::string_view bytes);

}  // namespace entrepot::cache
