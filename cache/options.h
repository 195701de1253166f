// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace entrepot::cache {

/// How long a tag is believed (design: fresh, grace, stale).
struct TagRule {
  std::string match;  ///< ECMAScript regex on the whole tag
  std::chrono::milliseconds fresh_for;
};
struct TagPolicy {
  std::chrono::milliseconds fresh_for{std::chrono::seconds(60)};
  /// How long past its freshness a tag may still be served when the upstream cannot be asked.
  std::chrono::milliseconds stale_for{std::chrono::days(7)};
  std::vector<TagRule> rules;  ///< the first that matches wins
};

struct UpstreamPolicy {
  TagPolicy tags;
  /// True: a link proof older than tags.fresh_for is asked for anew (design: access "restricted").
  bool restricted = false;
};

/// What the cache needs to know; proxy/app fills it from the configuration.
struct Options {
  std::filesystem::path directory;
  std::map<std::string, UpstreamPolicy, std::less<>> upstreams;

  /// What blobs, arriving files and the index take together at most.
  std::uint64_t max_size = 100ULL << 30;
  /// Repositories whose objects never leave (pins.h).
  std::vector<std::string> pins;
  /// How much of the stored files is read again each second to see whether they are still right; 0:
  /// never.
  std::uint64_t scrub_rate = 4ULL << 20;
  /// What the file system under the directory keeps free of us.
  std::uint64_t reserve_free = 0;
  /// Larger blobs are refused.
  std::uint64_t max_blob = 64ULL << 30;
  /// Most transfers that bring one blob at once; 1: never more.
  std::size_t transfers_per_blob = 8;
  /// Of all blobs together, beyond the first of each.
  int extra_transfers = 24;
  /// Larger manifests are refused (containerd's limit, protocol notes 1.10).
  std::uint64_t max_manifest = 4'393'216;
  /// Withheld from clients until the digest is proven.
  std::uint64_t tail = 256ULL << 10;
  /// Objects up to this size live in the index, not in files.
  std::uint64_t small_object = 64ULL << 10;
  /// Larger manifests lie in files, as blobs do.
  std::uint64_t small_manifest = 256ULL << 10;
  /// Bytes of small objects and manifests kept in memory.
  std::uint64_t memory_cache = 32ULL << 20;

  /// How long "not there" is believed.
  std::chrono::milliseconds negative_manifest{std::chrono::seconds(10)};
  std::chrono::milliseconds negative_blob{std::chrono::seconds(5)};
  /// How long tags/list and referrers are believed.
  std::chrono::milliseconds listing_fresh_for{std::chrono::seconds(60)};
};

/// The directory cannot be used. what() is one line for the operator.
class OpenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same, for a reason that may go by itself: another process uses the directory, or its disk is
/// full; what() says which.
class OpenLaterError : public OpenError {
 public:
  using OpenError::OpenError;
};

}  // namespace entrepot::cache
