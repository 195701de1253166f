// SPDX-License-Identifier: Apache-2.0
// The values of the index. What every start reads is apart from the bytes of objects, which are
// values of their own without a frame. Each record begins with a version byte; integers are
// little-endian. The decoder takes any bytes (a disk can return them) and answers nullopt for what
// it does not understand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/clock.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// A stored blob: its bytes are in the index (small ones) or in a file.
struct BlobRecord {
  std::uint64_t size = 0;
  WallTime stored_at{};
  bool is_inline = false;
  /// Who has given the bytes (Origins::add); since version 2.
  std::string origins{};
  friend bool operator==(const BlobRecord&, const BlobRecord&) = default;
};

/// A stored manifest; its bytes are in the index, exactly as the upstream sent them.
struct ManifestRecord {
  std::string media_type;
  std::uint64_t size = 0;
  WallTime stored_at{};
  std::string origins{};  ///< as of a blob
  friend bool operator==(const ManifestRecord&, const ManifestRecord&) = default;
};

/// What a tag named when the upstream was last asked.
struct TagRecord {
  Digest digest;
  std::string media_type;
  std::uint64_t size = 0;
  WallTime checked_at{};
  friend bool operator==(const TagRecord&, const TagRecord&) = default;
};

/// That a repository holds a digest (promise 8).
struct LinkRecord {
  enum class Proof : std::uint8_t {
    upstream,  ///< the upstream answered for it in this repository
    manifest,  ///< a manifest visible in this repository names it
  };
  Proof proof = Proof::upstream;
  WallTime proven_at{};
  /// Version 1: proven before objects had origins. It opens an object whose origins are not noted.
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
