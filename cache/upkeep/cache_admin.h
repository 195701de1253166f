// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/api/answer.h"
#include "cache/base/clock.h"
#include "cache/base/digest.h"
#include "cache/index/records.h"
#include "cache/upkeep/image_list.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

struct Storage;

/// Administrative queries and commands for a cache. Every call may block, so calls belong on the
/// store pool, or in a process that does nothing else (offline.h). Thread-safe.
class CacheAdmin {
 public:
  explicit CacheAdmin(Storage& storage) : storage_(storage) {}

  struct Stats {
    std::optional<metrics::NoRoom> no_room;  ///< why nothing can be stored
    std::uint64_t used = 0;                  ///< bytes on disk, including reserved ones
    std::uint64_t max_size = 0;              ///< as configured, or less on a smaller disk
    std::uint64_t free = 0, reserve = 0;     ///< of the file system; `reserve_free`
    std::uint64_t blobs = 0, blob_bytes = 0;
    std::uint64_t manifests = 0, manifest_bytes = 0;
    std::uint64_t tags = 0;
    std::uint64_t fills = 0, partial_bytes = 0, quarantined_bytes = 0, index_bytes = 0;
    bool complete = false;  ///< false while the index is still being loaded
  };
  Stats stats() const;
  /// Stats::complete alone, which is free of cost.
  bool loaded() const;

  struct Object {
    Digest digest;
    bool is_manifest = false;
    std::uint64_t size = 0;
    WallTime stored_at{};
    std::uint16_t hits = 0;  ///< since the start of the process
    bool pinned = false;
    std::vector<std::string> repositories;  ///< "docker.io/library/alpine"
  };
  /// A page of a long list, manifests first, and the start of the next page; nullopt at the end.
  struct Page {
    std::vector<Object> objects;
    std::optional<std::string> next;
  };
  /// `from`: empty, or the `next` of the previous page.
  Page list(std::string_view from, std::size_t limit) const;

  /// A page of list_images() (image_list.h).
  ImagePage images(std::string_view pattern, std::string_view from, std::size_t limit) const;

  enum class Finding : std::uint8_t { right, wrong, unreadable, missing };
  struct Checked {
    Digest digest;
    std::uint64_t size;
    Finding verdict;
  };
  struct Verification {
    std::vector<Checked> bad;
    std::uint64_t objects = 0, bytes = 0;
    std::optional<std::string> next;
  };
  /// Verifies the digests of blob files, until about `bytes` were read. With `repair`, removes bad
  /// blobs, so that they are fetched again on the next request.
  Verification verify(std::string_view from, std::uint64_t bytes, bool repair);

  /// Removes an object. Returns the number of objects removed. Current readers can finish.
  std::size_t remove(const Digest& digest);
  /// Removes a tag. Without `tag`, removes every tag of the repository and all objects that no
  /// other repository contains. `tags` is the number of tags removed.
  struct Removed {
    std::size_t tags = 0, objects = 0;
  };
  Removed remove(RepositoryRef repository, std::optional<std::string_view> tag);

  struct PinList {
    std::vector<std::string> configured, commanded;
  };
  PinList pins() const;
  enum class PinChange : std::uint8_t { done, unchanged, invalid, configured, failed };
  PinChange pin(std::string_view pattern);
  PinChange unpin(std::string_view pattern);

 private:
  /// Removes the blob, counts it and logs it.
  void remove_bad(const Checked& bad);
  bool is_removed(const Digest& digest) const;
  Finding check(const Digest& digest, const BlobRecord& record) const;
  PinChange set_pins(std::vector<std::string> patterns);
  void name_repositories(std::vector<Object>& objects) const;

  Storage& storage_;
};

}  // namespace entrepot::cache
