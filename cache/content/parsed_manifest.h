// SPDX-License-Identifier: Apache-2.0
// Hashes and parses a received manifest. A manifest of several megabytes would block a loop for too
// long, so larger ones are parsed on the store pool.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/base/digest.h"
#include "cache/base/executor.h"
#include "cache/content/content.h"
#include "cache/content/manifest.h"

namespace entrepot::cache {

/// Larger manifests are parsed on the store pool instead of the calling thread. Bytes.
inline constexpr std::size_t read_at_once = 64 << 10;

struct ParsedManifest {
  /// The manifest as the cache serves it, with the digest of its bytes, its references, and the
  /// media type that it declares, if any.
  std::shared_ptr<Content> content;
  /// The result of parse_manifest(), except that its references are moved into `content`.
  std::optional<ManifestOutline> outline;
  /// The result of signed_payload_digest(); schema 1 only.
  std::optional<Digest> payload;
};

/// Hashes and parses on the calling thread. May take long; belongs on the store pool.
ParsedManifest read_manifest(Algorithm algorithm, std::string bytes);

/// Hashes and parses, then calls `done` on `home`. REQUIRES: the caller is on the thread of `home`.
/// For at most read_at_once bytes it calls `done` before it returns.
void read_manifest(Algorithm algorithm, std::string bytes, JobQueue& store, Executor& home,
                   std::function<void(ParsedManifest)> done);

}  // namespace entrepot::cache
