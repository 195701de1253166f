// SPDX-License-Identifier: Apache-2.0
// The values of the index. Records, which each start reads, are separate from the bytes of objects,
// which are unframed values. Each record begins with a version byte; integers are little-endian.
// The decoders accept arbitrary bytes, because a disk can return them, and return nullopt for
// anything malformed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/base/clock.h"
#include "cache/base/digest.h"

namespace entrepot::cache {

/// A stored blob. Its bytes are in the index (small blobs) or in a file.
struct BlobRecord {
  std::uint64_t size = 0;
  WallTime stored_at{};
  bool is_inline = false;
  /// The upstreams that have delivered the bytes (Origins::add); since version 2.
  std::string origins{};
  friend bool operator==(const BlobRecord&, const BlobRecord&) = default;
};

/// A stored manifest. Its bytes are in the index, exactly as the upstream sent them.
struct ManifestRecord {
  std::string media_type;
  std::uint64_t size = 0;
  WallTime stored_at{};
  std::string origins{};  ///< as for a blob
  friend bool operator==(const ManifestRecord&, const ManifestRecord&) = default;
};

/// The target of a tag as of the last revalidation.
struct TagRecord {
  Digest digest;
  std::string media_type;
  std::uint64_t size = 0;
  WallTime checked_at{};
  friend bool operator==(const TagRecord&, const TagRecord&) = default;
};

/// Proof that a repository contains a digest. An object is served in a repository only with such a
/// proof.
struct LinkRecord {
  enum class Proof : std::uint8_t {
    upstream,  ///< the upstream confirmed the digest in this repository
    manifest,  ///< a manifest visible in this repository names it
  };
  Proof proof = Proof::upstream;
  WallTime proven_at{};
  /// Version 1: proven before origins were recorded. It permits serving an object without recorded
  /// origins.
  bool earlier = false;
  friend bool operator==(const LinkRecord&, const LinkRecord&) = default;
};

std::string encode(const BlobRecord& record);
std::string encode(const ManifestRecord& record);
std::string encode(const TagRecord& record);
std::string encode(const LinkRecord& record);

std::optional<BlobRecord> decode_blob(std::string_view value);
std::optional<ManifestRecord> decode_manifest(std::string_view value);
std::optional<TagRecord> decode_tag(std::string_view value);
std::optional<LinkRecord> decode_link(std::string_view value);

}  // namespace entrepot::cache
