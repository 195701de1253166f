// SPDX-License-Identifier: Apache-2.0
// Hashing and parsing a manifest that has arrived. One of megabytes takes longer than a loop may
// stand still, so larger ones are read on the store pool.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/content.h"
#include "cache/digest.h"
#include "cache/executor.h"
#include "cache/manifest.h"

namespace entrepot::cache {

/// Up to this many bytes are read at once, on the caller's thread.
inline constexpr std::size_t read_at_once = 64 << 10;

struct ReadManifest {
  /// As the cache sends it: with the digest its bytes have, its references, and the type it gives
  /// itself, where it has one.
  std::shared_ptr<Content> content;
  /// See parse_manifest(); its references are in `content`.
  std::optional<ManifestOutline> outline;
  /// See signed_payload_digest(); of schema 1 only.
  std::optional<Digest> payload;
};

/// May take long: for the store pool.
ReadManifest read_manifest(Algorithm algorithm, std::string bytes);

/// Calls `done` on `home`, whose thread this is: before it returns where the bytes are few.
void read_manifest(Algorithm algorithm, std::string bytes, Poster& store, Executor& home,
                   std::function<void(ReadManifest)> done);

}  // namespace entrepot::cache
