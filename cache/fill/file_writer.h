// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cache/base/digest.h"
#include "cache/base/extents.h"
#include "cache/content/content.h"
#include "cache/space/disk_budget.h"
#include "cache/space/file_room.h"
#include "cache/store/blob_files.h"
#include "cache/store/disk_health.h"

namespace entrepot::cache {

/// Writes the bytes of one fill to its file. A file on the disk has reserved room, and becomes the
/// stored blob. A file in memory passes through and is not stored. A file on the disk moves to
/// memory if a write fails; no file moves back.
///
/// A file on the disk is sparse: ranges may lie beyond the bytes that arrive in order, and a later
/// process reads the missing bytes from its holes (left_fills.h). So callers write only whole pages
/// (page_size), except at the end of the object. Bytes in it are never overwritten, because a
/// client may have read them and the proof must cover them.
///
/// Offsets and sizes are in bytes. Owns the file and its room. The home's thread only; a write may
/// block on the disk, and may evict blobs.
class FileWriter {
 public:
  /// All outlive the writer.
  struct Parts {
    const BlobFiles& files;
    DiskBudget& budget;
    DiskHealth& health;
    Digest digest;
    /// The size of the whole object, if the upstream has named it.
    std::optional<std::uint64_t> size;
  };
  using Reservation = std::unique_ptr<DiskBudget::Reservation>;

  enum class Result : std::uint8_t {
    written,
    disk_full,   ///< the cache or its disk has no room
    disk_error,  ///< another error. Logged, and the disk is not trusted for a while
  };

  /// A new file on the disk. Nullopt, with the reason logged, if the directory takes none.
  static std::optional<FileWriter> create(const Parts& parts, Reservation room);
  /// Continues the file of an earlier fill, which has the bytes `extents`. Nullopt if there is none
  /// of this size. REQUIRES: the size is known.
  static std::optional<FileWriter> resume(const Parts& parts, const Extents& extents,
                                          Reservation room);
  /// A new file in memory; see bypass() for the reason. Nullopt if the system has no more files.
  static std::optional<FileWriter> create_in_memory(const Parts& parts, BypassReason bypass);

  /// Writes to `file`, which is on the disk.
  FileWriter(const Parts& parts, std::shared_ptr<const BlobFile> file, Reservation room);

  /// Writes the bytes of the range that are not in the file. After a failure some of them may be
  /// written; extents() has these. A full disk evicts blobs first.
  Result write(std::uint64_t offset, std::span<const std::byte> run);
  /// After a failed write: the descriptor, and so every reader, gets a file in memory that has the
  /// bytes `needed`, which end where the bytes in order do; the file on the disk is removed, and
  /// its room given back. `failure` becomes bypass(). False, with nothing changed, if that is not
  /// possible: the file is in memory already, ranges lie further on, too many bytes are needed, or
  /// the size is not known.
  bool move_to_memory(const Span& needed, Result failure);

  /// True if the file has these bytes at `offset`. Reads the file.
  bool holds(std::uint64_t offset, std::span<const std::byte> data) const;
  /// True if all bytes of this range are in the file on the disk, and differ.
  bool differs(std::uint64_t offset, std::span<const std::byte> data) const;

  /// The bytes in the file on the disk, in order or not. Writes to memory do not change them.
  const Extents& extents() const { return extents_; }
  /// Why the file will not be stored; nullopt while it may be.
  std::optional<BypassReason> bypass() const { return bypass_; }
  /// The file is in memory.
  bool passing() const { return bypass_.has_value(); }
  const std::shared_ptr<const BlobFile>& file() const { return file_; }
  const Digest& digest() const { return parts_.digest; }
  const std::optional<std::uint64_t>& size() const { return parts_.size; }
  FileRoom& room() { return room_; }

 private:
  Result write_run(std::uint64_t offset, std::span<const std::byte> run);

  const Parts parts_;
  std::shared_ptr<const BlobFile> file_;
  FileRoom room_;
  Extents extents_;
  std::optional<BypassReason> bypass_;
};

}  // namespace entrepot::cache
