// SPDX-License-Identifier: Apache-2.0
// The one place that knows what lies where on disk and how index keys are built.
//
//   <directory>/LOCK                      flock of the one process that uses it
//   <directory>/index/                    RocksDB
//   <directory>/blobs/sha256/ab/abcdef…   whole and proven; named by its digest
//   <directory>/fills/sha256-abcdef…      arriving
//   <directory>/quarantine/sha256-abcdef… could not be read
//   <directory>/endpoints.json            what the last process knew of endpoints
//
// RocksDB column families (keys; values are in records.h):
//   blobs      digest
//   manifests  digest
//   contents   "b" or "m", digest → the bytes of a small blob or of a manifest
//   tags       upstream NUL repository NUL tag
//   links      upstream NUL repository NUL digest
//   meta       "format" → decimal version; see rocks_index.h for the others
// where a digest is one byte of algorithm and its raw bytes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cache/answer.h"
#include "cache/digest.h"

namespace entrepot::cache {

/// Version of everything above; another version in a directory is refused.
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
  /// The folder that holds a blob (one of 256 per algorithm).
  std::filesystem::path blob_folder(const Digest& digest) const;
  std::filesystem::path blob(const Digest& digest) const;
  /// The same for who only opens it: a path, which takes its text apart, costs more than the
  /// opening.
  std::string blob_text(const Digest& digest) const;
  std::filesystem::path fill(const Digest& digest) const;
  /// Written and removed again, to see whether the index can be written.
  std::filesystem::path probe() const { return index() / "probe"; }
  std::filesystem::path quarantine() const { return directory_ / "quarantine"; }
  std::filesystem::path quarantined(const Digest& digest) const {
    return quarantine() / fill(digest).filename();
  }
  /// The digest a file under fills() or blobs() is named after; nullopt for a name we do not give.
  std::optional<Digest> fill_digest(const std::filesystem::path& path) const;
  std::optional<Digest> blob_digest(const std::filesystem::path& path) const;

 private:
  std::filesystem::path directory_;
};

std::string digest_key(const Digest& digest);
std::optional<Digest> parse_digest_key(std::string_view key);

// These write into `out`, replacing it, so that the hit path can reuse one buffer.
void tag_key(std::string& out, RepositoryRef repository, std::string_view tag);
void link_key(std::string& out, RepositoryRef repository, const Digest& digest);
/// What the keys of all links of a repository begin with.
std::string links_prefix(RepositoryRef repository);

// What a key was built from, borrowed from it; nullopt for what we do not build.
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
