// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>

#include "cache/index/layout.h"
#include "cache/store/environment.h"

namespace entrepot::cache {

/// Queries the file system under the cache. Each call makes system calls and may block.
/// Thread-safe.
class Disk {
 public:
  explicit Disk(Layout layout) : layout_(std::move(layout)) {}

  /// Writes a test file next to the index, and checks that `room` bytes are available.
  bool accepts_writes(std::uint64_t room) const;
  /// Free bytes available to this process; the largest number if unknown.
  std::uint64_t free_bytes() const;
  /// Size of the file system in bytes; the largest number if unknown.
  std::uint64_t total_bytes() const;
  /// Number of inodes in total and available; the largest number for file systems without a limit.
  struct Inodes {
    std::uint64_t total = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t available = std::numeric_limits<std::uint64_t>::max();
  };
  Inodes inodes() const;
  /// False if the index was removed by another program.
  bool has_index() const;
  /// Disk space of the index in bytes; nullopt if its folder cannot be read completely.
  std::optional<std::uint64_t> index_bytes() const;
  /// Disk space of the files in one folder in bytes, 0 without such a folder; nullopt if the folder
  /// cannot be read completely.
  static std::optional<std::uint64_t> bytes_in(const std::filesystem::path& folder);

 private:
  const Layout layout_;
};

/// Upper bound of the cache size in bytes: max_size, or less on a smaller disk, whose size is
/// `disk_bytes`.
std::uint64_t cache_bound(std::uint64_t disk_bytes, const Limits& limits);

}  // namespace entrepot::cache
