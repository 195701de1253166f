// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <unordered_set>
#include <vector>

#include "cache/base/digest.h"
#include "cache/space/storage.h"

namespace entrepot::cache {

/// Finds blob files without an index entry and entries without a file, which a crash between the
/// two writes or a lost file leaves. The name of a file is its expected digest: a matching file is
/// added to the index, any other is removed. Runs once, after startup, one file at a time on the
/// store pool.
class Reconciler {
 public:
  /// `storage` must outlive this object.
  explicit Reconciler(Storage& storage);

  /// Starts the reconciliation. REQUIRES: the index in memory is loaded. Each step posts the next
  /// one until all folders are done.
  void start();

 private:
  struct Folder {
    Algorithm algorithm;
    unsigned first;  // first byte of the digests in it
  };

  void list_folders();
  /// Compares the files of one folder with the index.
  void compare(const Folder& folder);
  void drop_missing(const Folder& folder, const Digest& lowest,
                    const std::unordered_set<Digest>& present);
  void step();
  void take_one();
  void adopt_if_valid(const std::filesystem::path& path);
  void log_result() const;

  Storage& storage_;
  // Running job only.
  std::vector<Folder> folders_;
  std::vector<std::filesystem::path> files_;  // files of one folder that are not in the index
  std::size_t adopted_ = 0;
  std::uint64_t adopted_bytes_ = 0;
  std::size_t removed_ = 0;
  std::size_t skipped_ = 0;
  std::size_t missing_ = 0;
  std::size_t unread_folders_ = 0;
};

}  // namespace entrepot::cache
