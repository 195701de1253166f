// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/answer.h"
#include "cache/clock.h"
#include "cache/digest.h"
#include "cache/records.h"

namespace entrepot::cache {

struct Shared;

/// What people ask of a cache, and what they do to it by hand. Every call may block, so it belongs
/// on the store pool, or to a process in which nothing else goes on (offline.h). Thread-safe.
class Inspection {
 public:
  explicit Inspection(Shared& shared) : shared_(shared) {}

  struct Stats {
    std::uint64_t used = 0;      ///< bytes on the disk, reserved ones included
    std::uint64_t max_size = 0;  ///< as configured, or less on a smaller disk
    std::uint64_t blobs = 0, blob_bytes = 0;
    std::uint64_t manifests = 0, manifest_bytes = 0;
    std::uint64_t tags = 0;
    std::uint64_t fills = 0, partial_bytes = 0, quarantined_bytes = 0, index_bytes = 0;
    bool complete = false;  ///< false while the index is still being loaded
  };
  Stats stats() const;
  /// Stats::complete alone, which costs nothing.
  bool loaded() const;

  struct Object {
    Digest digest;
    bool is_manifest = false;
    std::uint64_t size = 0;
    WallTime stored_at{};
    std::uint16_t hits = 0;  ///< since the process started
    bool pinned = false;
    std::vector<std::string> repositories;  ///< "docker.io/library/alpine"
  };
  /// A piece of a long list, manifests first, and where the next one begins; nullopt at the end.
  struct Page {
    std::vector<Object> objects;
    std::optional<std::string> next;
  };
  /// `from`: empty, or the `next` of the piece before.
  Page list(std::string_view from, std::size_t limit) const;

  enum class Verdict : std::uint8_t { right, wrong, unreadable, missing };
  struct Checked {
    Digest digest;
    std::uint64_t size;
    Verdict verdict;
  };
  struct Verification {
    std::vector<Checked> bad;
    std::uint64_t objects = 0, bytes = 0;
    std::optional<std::string> next;
  };
  /// Compares files of blobs with their digests, until about `bytes` were read. `repair`: what is
  /// bad goes, so that it is fetched again when it is asked for.
  Verification verify(std::string_view from, std::uint64_t bytes, bool repair);

  /// How many objects went. What is being read is read to its end.
  std::size_t remove(const Digest& digest);
  /// The tag, or with none every tag of the repository and all that no other repository holds.
  /// `tags` counts them.
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
  bool left(const Digest& digest) const;
  Verdict check(const Digest& digest, const BlobRecord& record) const;
  PinChange set_pins(std::vector<std::string> patterns);
  void name_repositories(std::vector<Object>& objects) const;

  Shared& shared_;
};

}  // namespace entrepot::cache
