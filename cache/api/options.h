// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace entrepot::cache {

/// The freshness lifetime of tags that match a pattern.
struct TagRule {
  std::string match;  ///< ECMAScript regex on the whole tag
  std::chrono::milliseconds fresh_for;
};
struct TagPolicy {
  std::chrono::milliseconds fresh_for{std::chrono::seconds(60)};
  /// Time after the end of freshness during which a tag may be served stale if the upstream is
  /// unreachable.
  std::chrono::milliseconds stale_for{std::chrono::days(7)};
  std::vector<TagRule> rules;  ///< the first that matches wins
};

struct UpstreamPolicy {
  TagPolicy tags;
  /// True: a link proof older than tags.fresh_for is renewed at the upstream before it is used
  /// (`access: restricted` in the configuration).
  bool restricted = false;
};

/// The settings of the cache. proxy/app fills them from the configuration.
struct Options {
  std::filesystem::path directory;
  std::map<std::string, UpstreamPolicy, std::less<>> upstreams;

  /// Bound of the disk space of blobs, growing files and the index together. Bytes.
  std::uint64_t max_size = 100ULL << 30;
  /// The same as a part of the file system of the directory, 1 to 100 %; 0: max_size counts.
  int max_size_percent = 0;
  /// Patterns of repositories whose objects are never evicted (pins.h).
  std::vector<std::string> pins;
  /// Rate at which stored files are read again to verify their digests, in bytes per second; 0:
  /// never.
  std::uint64_t scrub_rate = 4ULL << 20;
  /// Space that must stay free on the file system of the directory. Bytes.
  std::uint64_t reserve_free = 0;
  /// The same as a part of the file system, 1 to 99 %; 0: reserve_free counts.
  int reserve_free_percent = 0;
  /// Larger blobs are rejected. Bytes.
  std::uint64_t max_blob = 64ULL << 30;
  /// Maximum number of concurrent transfers for one blob; 1: no parallel transfers.
  std::size_t transfers_per_blob = 8;
  /// Maximum number of additional transfers of all blobs together, beyond the first of each.
  int extra_transfers = 24;
  /// Larger manifests are rejected. Bytes; the default is the limit of containerd.
  std::uint64_t max_manifest = 4'393'216;
  /// Size of the end of a blob that is withheld from clients until the digest is verified. Bytes.
  std::uint64_t tail = 256ULL << 10;
  /// Blobs up to this size are stored in the index, not in files. Bytes.
  std::uint64_t small_object = 64ULL << 10;
  /// Larger manifests are stored in files, as blobs are. Bytes.
  std::uint64_t small_manifest = 256ULL << 10;
  /// Size of small objects and manifests kept in memory. Bytes.
  std::uint64_t memory_cache = 32ULL << 20;

  /// Lifetime of negative entries.
  std::chrono::milliseconds negative_manifest{std::chrono::seconds(10)};
  std::chrono::milliseconds negative_blob{std::chrono::seconds(5)};
  /// Freshness lifetime of tag lists and referrers.
  std::chrono::milliseconds listing_fresh_for{std::chrono::seconds(60)};
};

}  // namespace entrepot::cache
