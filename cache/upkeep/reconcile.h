// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <unordered_set>
#include <vector>

#include "cache/base/digest.h"
#include "cache/space/storage.h"

namespace entrepot::cache {

/// Finds blob files without an index entry and entries without a file, which a crash between the
/// two writes or a lost file leaves. The name of a file is its expected digest: a matching file is
/// added to the index, any other is removed. Runs once, after startup, in jobs of the store pool.
/// Blobs are stored and removed meanwhile, so a job that reads the disk is followed by one that
/// compares its result with what holds by then, and acts.
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

  /// A folder whose files are known, and whose entries of the index are to be compared with them.
  struct Listing {
    Folder folder;
    std::unordered_set<Digest> present;
  };
  /// A file that was read, and is to be added to the index or removed.
  struct ReadFile {
    Digest digest;
    std::uint64_t size;
    bool right;  ///< has this digest
  };

  static Digest lowest_in(const Folder& folder);
  void list_folders();
  void step();
  void take_one();
  void list_files(const Folder& folder);
  void drop_missing(const Listing& listing);
  void read_file(const std::filesystem::path& path);
  void adopt_or_remove(const ReadFile& file);
  /// In the index, or about to be. Then the file belongs to another job.
  bool is_known(const Digest& digest) const;
  void log_result() const;

  Storage& storage_;
  // Running job only.
  std::vector<Folder> folders_;
  std::optional<Listing> listing_;            // for the next job
  std::vector<std::filesystem::path> files_;  // files of one folder that are not in the index
  std::optional<ReadFile> read_;              // for the next job
  std::size_t adopted_ = 0;
  std::uint64_t adopted_bytes_ = 0;
  std::size_t removed_ = 0;
  std::size_t skipped_ = 0;
  std::size_t missing_ = 0;
  std::size_t unread_folders_ = 0;
};

}  // namespace entrepot::cache
