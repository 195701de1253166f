// SPDX-License-Identifier: Apache-2.0
// A manifest, of which the cache reads the type and the references.
#include "cache/content/manifest.h"

#include "cache/base/media_type.h"
#include "cache/content/schema1.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  cache::signed_payload_digest(cache::Algorithm::sha256, input);
  const auto outline = cache::parse_manifest(input);
  if (!outline) return;
  require(outline->references.size() <= cache::max_references + 1, "more references than allowed");
  require(cache::parse_media_type(outline->media_type) == outline->media_type,
          "a type no header can hold");
  if (outline->over_limits) require(outline->references.empty(), "references of a refused one");
}

}  // namespace entrepot::fuzz
