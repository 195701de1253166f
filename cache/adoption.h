// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <unordered_set>
#include <vector>

#include "cache/digest.h"

namespace entrepot::cache {

struct Shared;

/// Finds the blob files that the index does not know, and the entries whose files are gone: a crash
/// came between the two, or one of them was lost. Their names say what they should be; what has
/// that digest is taken back, the rest is removed. Runs once, behind the start, a file at a time on
/// the store pool.
class Adoption {
 public:
  explicit Adoption(Shared& shared);

  /// The index in memory holds everything it should know. Calls itself until it is through.
  void start();

 private:
  struct Folder {
    Algorithm algorithm;
    unsigned first;  // byte of the digests in it
  };

  void list_folders();
  /// What lies in one folder of blobs with what the index says of it.
  void compare(const Folder& folder);
  void drop_missing(const Folder& folder, const Digest& lowest,
                    const std::unordered_set<Digest>& there);
  void step();
  void take_one();
  void look_at(const std::filesystem::path& path);
  void tell() const;

  Shared& shared_;
  // The running job only.
  std::vector<Folder> folders_;
  std::vector<std::filesystem::path> files_;  // of one folder, those the index does not know
  std::size_t adopted_ = 0;
  std::uint64_t adopted_bytes_ = 0;
  std::size_t removed_ = 0;
  std::size_t skipped_ = 0;
  std::size_t missing_ = 0;
  std::size_t unread_folders_ = 0;
};

}  // namespace entrepot::cache
