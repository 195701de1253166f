// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "cache/base/digest.h"
#include "cache/content/content.h"
#include "cache/index/layout.h"
#include "cache/store/directory_lock.h"
#include "cache/store/open_blobs.h"
#include "cache/store/quarantine.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The cache directory and the files in it. The constructor takes the lock that excludes a second
/// process (DirectoryLock); the destructor releases it. Thread-safe. open_blob() is made for serve
/// loops; all other methods may block on the disk.
///
/// A file under blobs/ is complete: commit() syncs the bytes before the rename and the folder after
/// it. (A rename without the first sync leaves an empty file under the final name after a power
/// cut.)
class BlobFiles {
 public:
  /// Creates missing folders and files. Throws OpenError (open_error.h).
  BlobFiles(Layout layout, const metrics::Metrics& metrics);
  BlobFiles(const BlobFiles&) = delete;
  BlobFiles& operator=(const BlobFiles&) = delete;

  /// Gives the directory to another process: from now on nothing in it changes, and all that would
  /// change it fails without a line in the log. Files can still be opened. Growing files lose their
  /// names, but for those that `is_left`, which no fill writes. Blocks.
  void release(const std::function<bool(const Digest&)>& is_left);
  bool released() const { return !lock_->held(); }

  /// Result of opening a blob. `file` null: `gone` = no such file of that size; `unreadable` = read
  /// error; neither = out of descriptors, or it would block.
  struct Opened {
    std::shared_ptr<const BlobFile> file;
    bool gone = false;        ///< no regular file of that size exists
    bool unreadable = false;  ///< its first bytes cannot be read
  };
  enum class Wait : std::uint8_t { never, may_wait };
  /// Opens a blob for reading. Concurrent readers of a blob share one file. With Wait::never, opens
  /// only files whose beginning is in the page cache.
  Opened open_blob(const Digest& digest, std::uint64_t size, Wait wait = Wait::never) const;
  /// Opens a separate descriptor that is not shared with readers, for verification. The kernel does
  /// not read ahead in it: pages that nobody asked for would stay in the page cache.
  Opened open_apart(const Digest& digest, std::uint64_t size) const;
  /// True if `file` is the one stored under the name of the blob.
  bool is_stored(const Digest& digest, const BlobFile& file) const;
  /// Later calls of open_blob() open a new file; current readers keep theirs.
  void forget(const Digest& digest) const { open_blobs_.forget(digest); }

  /// True if the stored blob is being read.
  bool reads(const Digest& digest) const { return open_blobs_.reads(digest); }

  /// Creates an empty file for arriving bytes, with the final size of the blob. Returns null, and
  /// logs the reason, on failure. Replaces an earlier file of this digest. A file of unknown size
  /// is removed at the next start.
  std::shared_ptr<const BlobFile> create_fill(const Digest& digest,
                                              std::optional<std::uint64_t> size) const;
  /// Opens the file of an interrupted fill if it has this size; otherwise null.
  std::shared_ptr<const BlobFile> reopen_fill(const Digest& digest, std::uint64_t size) const;
  /// Writes all of `data` to the growing file. Returns 0 or the errno value.
  int write(const Digest& digest, const BlobFile& file, std::uint64_t offset,
            std::span<const std::byte> data) const;
  /// Turns the complete file into the stored blob. On a disk error removes the file and returns
  /// false.
  bool commit(const Digest& digest, const std::shared_ptr<const BlobFile>& file) const;
  /// Creates, writes and commits the file of a blob whose bytes are in memory.
  bool put(const Digest& digest, std::span<const std::byte> bytes) const;
  /// Removes the growing file.
  void discard_fill(const Digest& digest) const;
  void remove_blob(const Digest& digest) const;
  /// Moves the file of a blob that cannot be read to the quarantine, or removes it.
  void quarantine(const Digest& digest) const;
  Quarantine& quarantined() const { return *quarantine_; }

 private:
  /// `advice`: of posix_fadvise(2).
  Opened open_file(const Digest& digest, std::uint64_t size, Wait wait, int advice) const;
  /// Counts and logs a failed system call. `operation` is a label of entrepot_disk_errors_total.
  void failed(metrics::DiskOperation operation, const std::filesystem::path& path, int error) const;
  void unlink_fill(const Digest& digest) const;
  void unlink_blob(const Digest& digest) const;
  bool sync_folder(const std::filesystem::path& folder) const;
  bool make_blob_folder(const Digest& digest) const;

  Layout layout_;  // Constant after construction.
  const metrics::Metrics& metrics_;
  // Set during construction, once the directory exists.
  std::optional<DirectoryLock> lock_;
  std::unique_ptr<Quarantine> quarantine_;
  mutable OpenBlobs open_blobs_;
};

}  // namespace entrepot::cache
