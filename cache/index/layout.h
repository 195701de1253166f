// SPDX-License-Identifier: Apache-2.0
// Defines the layout of the cache directory and the keys of the index.
//
//   <directory>/LOCK                      flock of the process that uses the directory
//   <directory>/index/                    RocksDB
//   <directory>/blobs/sha256/ab/abcdef…   complete and verified; named by its digest
//   <directory>/fills/sha256-abcdef…      growing
//   <directory>/quarantine/sha256-abcdef… unreadable
//   <directory>/endpoints.json            endpoint statistics of the last process
//   <directory>/denials.json              denials of `entrepot deny`
//
// RocksDB column families (keys; values are in records.h):
//   blobs      digest
//   manifests  digest
//   contents   "b" or "m", digest → the bytes of a small blob or of a manifest
//   tags       upstream NUL repository NUL tag
//   links      upstream NUL repository NUL digest
//   meta       "format" → decimal version; see rocks_index.h for the others
// A digest in a key is one byte of algorithm followed by its raw bytes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cache/base/digest.h"
#include "cache/base/repository.h"

namespace entrepot::cache {

/// Version of the layout described above. A directory of another version is refused.
inline constexpr std::string_view format_version = "2";

class Layout {
 public:
  explicit Layout(std::filesystem::path directory) : directory_(std::move(directory)) {}

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path lock() const { return directory_ / "LOCK"; }
  std::filesystem::path index() const { return directory_ / "index"; }
  std::filesystem::path blobs() const { return directory_ / "blobs"; }
  std::filesystem::path fills() const { return directory_ / "fills"; }
  std::filesystem::path endpoints() const { return directory_ / "endpoints.json"; }
  std::filesystem::path denials() const { return directory_ / "denials.json"; }
  /// The folder of a blob (one of 256 per algorithm).
  std::filesystem::path blob_folder(const Digest& digest) const;
  std::filesystem::path blob(const Digest& digest) const;
  /// The path of a blob as a string, for opening only: parsing it into a std::filesystem::path
  /// costs more than the open itself.
  std::string blob_text(const Digest& digest) const;
  std::filesystem::path fill(const Digest& digest) const;
  /// A file that is written and removed to test whether the index is writable.
  std::filesystem::path probe() const { return index() / "probe"; }
  std::filesystem::path quarantine() const { return directory_ / "quarantine"; }
  std::filesystem::path quarantined(const Digest& digest) const {
    return quarantine() / fill(digest).filename();
  }
  /// The digest in the name of a file under fills() or blobs(); nullopt for any other name.
  std::optional<Digest> fill_digest(const std::filesystem::path& path) const;
  std::optional<Digest> blob_digest(const std::filesystem::path& path) const;

 private:
  std::filesystem::path directory_;
};

std::string digest_key(const Digest& digest);
std::optional<Digest> parse_digest_key(std::string_view key);

// These replace the content of `out`, so that the hit path can reuse one buffer.
void tag_key(std::string& out, RepositoryRef repository, std::string_view tag);
void link_key(std::string& out, RepositoryRef repository, const Digest& digest);
/// The common prefix of the keys of all links of a repository.
std::string links_prefix(RepositoryRef repository);

// The components of a key, as views into it; nullopt for a malformed key.
struct TagKey {
  RepositoryRef repository;
  std::string_view tag;
};
struct LinkKey {
  RepositoryRef repository;
  Digest digest;
};
std::optional<TagKey> parse_tag_key(std::string_view key);
std::optional<LinkKey> parse_link_key(std::string_view key);

std::string tag_key(RepositoryRef repository, std::string_view tag);
std::string link_key(RepositoryRef repository, const Digest& digest);

}  // namespace entrepot::cache
