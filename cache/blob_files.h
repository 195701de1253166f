// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "cache/content.h"
#include "cache/digest.h"
#include "cache/layout.h"
#include "cache/open_blobs.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

/// The cache directory and the files in it. Opening it takes the lock that keeps a second process
/// out; the lock goes with the object. Thread-safe; open_blob is made for serve loops, everything
/// else may block on the disk.
///
/// A file under blobs/ is whole: commit() syncs the bytes before the rename and the folder after it
/// (a rename without the first leaves an empty file under the final name after a power cut).
class BlobFiles {
 public:
  /// Creates what is missing; throws OpenError (options.h).
  BlobFiles(Layout layout, const metrics::Metrics& metrics);
  ~BlobFiles();
  BlobFiles(const BlobFiles&) = delete;
  BlobFiles& operator=(const BlobFiles&) = delete;

  /// An open stored blob, or why there is none: neither `gone` nor `unreadable` means for want of
  /// something, or that only the disk can tell.
  struct Opened {
    std::shared_ptr<const BlobFile> file;
    bool gone = false;        ///< no regular file of that size is there
    bool unreadable = false;  ///< its first bytes cannot be read
  };
  enum class Wait : std::uint8_t { never, may_wait };
  /// All who read a blob at the same time share one file. Unless it `may_wait` for the disk, only a
  /// file whose beginning is in memory is opened.
  Opened open_blob(const Digest& digest, std::uint64_t size, Wait wait = Wait::never) const;
  /// A file of the caller's own, for looking at it behind everybody's back.
  Opened open_apart(const Digest& digest, std::uint64_t size) const;
  /// Whether this file is the one that the blob's name leads to.
  bool is_stored(const Digest& digest, const BlobFile& file) const;
  /// Who opens the blob from now on gets another file than those who read it now.
  void forget(const Digest& digest) const { open_blobs_.forget(digest); }

  /// Whether somebody reads the stored blob now.
  bool reads(const Digest& digest) const { return open_blobs_.reads(digest); }

  /// A new file for bytes that arrive, as long as they will be, with nothing in it; null (with the
  /// reason logged) when it cannot be made. What an earlier one was is nobody's any more. Of
  /// unknown size, it will be gone after a restart.
  std::shared_ptr<const BlobFile> create_fill(const Digest& digest,
                                              std::optional<std::uint64_t> size) const;
  /// The file of a fill that ended in the middle, of that size; null where it is not.
  std::shared_ptr<const BlobFile> reopen_fill(const Digest& digest, std::uint64_t size) const;
  /// Writes all of `data` to the arriving file; 0, or the error of the system.
  int write(const Digest& digest, const BlobFile& file, std::uint64_t offset,
            std::span<const std::byte> data) const;
  /// Makes the arrived file the stored blob. False, with the file removed, when the disk failed.
  bool commit(const Digest& digest, const std::shared_ptr<const BlobFile>& file) const;
  /// All of it at once: a blob whose bytes are in memory.
  bool put(const Digest& digest, std::span<const std::byte> bytes) const;
  /// Forgets the arriving file.
  void discard_fill(const Digest& digest) const;
  void remove_blob(const Digest& digest) const;
  /// Keeps the file where it is not served from, until room is needed: the bad sectors under it are
  /// not given to another file meanwhile, and a person may look at it.
  void quarantine(const Digest& digest) const;
  std::uint64_t quarantined_bytes() const {
    return quarantined_bytes_.load(std::memory_order_relaxed);
  }
  /// Removes what is in quarantine; how much that was.
  std::uint64_t empty_quarantine() const;

 private:
  Opened open_file(const Digest& digest, std::uint64_t size, Wait wait) const;
  /// Counts and logs a failed system call; `operation` as in entrepot_disk_errors_total.
  void failed(const char* operation, const std::filesystem::path& path, int error) const;
  void measure_quarantine() const;
  void take_lock();
  bool sync_folder(const std::filesystem::path& folder) const;
  bool make_blob_folder(const Digest& digest) const;

  Layout layout_;  // constant once constructed
  const metrics::Metrics& metrics_;
  int lock_ = -1;
  mutable OpenBlobs open_blobs_;
  mutable std::mutex quarantine_mutex_;
  mutable std::atomic<std::uint64_t> quarantined_bytes_{0};
};

}  // namespace entrepot::cache
