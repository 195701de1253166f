// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>

#include "cache/layout.h"

namespace entrepot::cache {

/// The file system under the cache: what there is of it, and whether it takes writes. Every call
/// asks the system anew and may block. Any thread.
class Disk {
 public:
  explicit Disk(Layout layout) : layout_(std::move(layout)) {}

  /// Tries it where the index is, and asks for `room` bytes besides.
  bool takes_writes(std::uint64_t room) const;
  /// What the file system has left for us. The largest number where it does not say.
  std::uint64_t free_bytes() const;
  /// All there is on the file system; the same.
  std::uint64_t all_bytes() const;
  /// How many files it can have, and how many more; both the largest number where it has no bound.
  struct Inodes {
    std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  };
  Inodes inodes() const;
  /// False when the index was removed under us.
  bool has_index() const;
  /// What the index takes; null where its folder cannot be read to its end.
  std::optional<std::uint64_t> index_bytes() const;
  /// What the files of one folder take, 0 where there is none; null as above.
  static std::optional<std::uint64_t> bytes_in(const std::filesystem::path& folder);

 private:
  const Layout layout_;
};

}  // namespace entrepot::cache
