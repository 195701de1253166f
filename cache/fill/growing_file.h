// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cache/base/executor.h"
#include "cache/base/failure.h"
#include "cache/content/content.h"
#include "cache/content/read_positions.h"
#include "cache/fill/file_hasher.h"
#include "cache/space/disk_budget.h"
#include "cache/store/blob_files.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

/// The file that a fill writes, its hasher, and the progress of its readers. Bytes that arrive in
/// order are gathered and written in aligned runs; the last run of a turn of the loop ends at its
/// last whole page. That needs few system calls, and fills the page cache with large folios, which
/// makes each later hit cheaper. Readers and the hasher are notified once per turn, and within a
/// turn that delivers much: a near upstream fills its socket as fast as a turn empties it.
///
/// Ranges may lie beyond the bytes that have arrived in order: put() writes them, and pass_over()
/// continues behind them. The file is sparse, and a later process reads the missing bytes from its
/// holes (left_fills.h). So only whole pages are written, except at the end of the object.
///
/// The file has two forms. On the disk, in reserved room, it becomes the stored blob. Passing
/// through, because there is no room or the disk fails, it is a file in memory of which only a
/// window exists, from the slowest reader and the hasher to the bytes that have arrived; full()
/// then asks the fill to hold the upstream until slide() has made room. A file on the disk moves to
/// memory in the middle of a fill if a write fails or no room is left, no reader is far behind, and
/// no range lies further on: the readers notice nothing.
///
/// The home's thread creates it, calls it and receives `proven`. Hashing happens on the store
/// pool.
class GrowingFile : public std::enable_shared_from_this<GrowingFile> {
 public:
  /// The digest of the whole file; nullopt when it could not be read back.
  using Proven = FileHasher::Done;

  struct Parts {
    const BlobFiles& files;
    DiskBudget& budget;
    DiskHealth& health;
    JobQueue& store;
    Executor& home;
    Digest digest;
    /// The size of the whole object, if the upstream has named it. It bounds take(), and without it
    /// there is no progress().
    std::optional<std::uint64_t> size;
    /// The last bytes, which readers do not get before finish_readers(whole).
    std::uint64_t tail;
  };

  /// The most that a passing file has in memory, besides the data that fill it. Bytes.
  static constexpr std::uint64_t window = 4 << 20;
  static constexpr std::uint64_t page = 4096;

  /// Null, with the reason logged, if the directory takes no new file.
  static std::shared_ptr<GrowingFile> create(const Parts& parts,
                                             std::unique_ptr<DiskBudget::Reservation> room,
                                             Proven proven);
  /// Continues the file of an earlier fill; null if there is none. None of its bytes count as
  /// arrived in order before pass_over().
  static std::shared_ptr<GrowingFile> resume(const Parts& parts, const Extents& extents,
                                             std::unique_ptr<DiskBudget::Reservation> room,
                                             Proven proven);
  /// A file in memory, passing through; null if the system has no more files.
  static std::shared_ptr<GrowingFile> create_passing(const Parts& parts, Proven proven);

  GrowingFile(const Parts& parts, std::shared_ptr<const BlobFile> file,
              std::unique_ptr<DiskBudget::Reservation> room, Proven proven);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Receives bytes [offset, offset + data.size()). Compares bytes that have arrived before, and
  /// keeps the rest, up to `limit` bytes in total. REQUIRES: offset ≤ arrived().
  std::optional<Failure> take(std::uint64_t offset, std::span<const std::byte> data,
                              std::uint64_t limit);
  /// Writes a range of an object of known size: whole pages, or its end. Bytes that are available
  /// stay as they are, because a client may have read them and the proof must cover them. False if
  /// the range cannot be written.
  bool put(std::uint64_t offset, std::span<const std::byte> data);
  /// True if all bytes of this range are available, and differ.
  bool differs(std::uint64_t offset, std::span<const std::byte> data) const;
  /// Reserves room for `size` bytes in total. False if there is none.
  bool claim(std::uint64_t size);
  /// Writes the gathered bytes; all bytes up to the first gap count as arrived in order.
  void pass_over();
  /// True if ranges lie beyond the bytes that have arrived in order.
  bool scattered() const { return there_.bytes() > written_; }
  /// The bytes in the file.
  const Extents& extents() const { return there_; }
  /// No more bytes will arrive: writes the rest, and has `proven` called. Readers do not get the
  /// tail yet.
  std::optional<Failure> finish();
  /// Readers get everything (whole) or are cut short (failed).
  void finish_readers(Progress::State state);
  /// `proven` will not be called, and readers are cut short.
  void abandon();

  /// Why it will not be stored; not set while it may be.
  std::optional<metrics::BypassReason> bypass() const { return bypass_; }
  bool passing() const { return bypass_.has_value(); }
  void set_bypass(metrics::BypassReason reason) { bypass_ = reason; }
  /// Passing: bytes that a new reader needs are discarded.
  bool begun_to_slide() const { return slid_ > 0; }
  /// Passing: the window is full.
  bool full() const;
  /// Passing: discards the bytes that no reader needs any more.
  void slide();
  /// Passing: a whole window may be discarded.
  bool should_slide() const { return passing() && written_ >= slid_ + window; }
  /// Passing: some readers wait for others that are far behind them.
  bool uneven() const;
  /// Passing: cuts short the readers that are far behind and have not advanced by a window since
  /// readers().mark(). Returns their number.
  std::size_t cut_slow();
  /// Passing: the same, for readers at any position.
  std::size_t cut_idle() { return readers_->cut_before(ReadPositions::nobody, window); }
  /// Passing: it has no readers.
  bool deserted() const { return passing() && readers_->slowest() == ReadPositions::nobody; }

  /// Ends the reservation: from now on its bytes count as those of a blob.
  void give_room_back() { room_.reset(); }

  /// Bytes that have arrived in order from the beginning.
  std::uint64_t arrived() const { return written_ + gathered_; }
  bool write_failed() const { return write_failed_; }
  const std::shared_ptr<const BlobFile>& file() const { return file_; }
  /// Null while the size is unknown.
  const std::shared_ptr<Progress>& progress() const { return progress_; }
  ReadPositions& readers() { return *readers_; }

 private:
  bool same_as_written(std::uint64_t offset, std::span<const std::byte> data) const;
  void gather(std::span<const std::byte> data);
  /// Writes the gathered bytes, except for the last `kept`.
  void write_gathered(std::size_t kept = 0);
  enum class OnFailure : std::uint8_t { move_to_memory, tell };
  bool write_missing(std::uint64_t offset, std::span<const std::byte> run, OnFailure then);
  bool write_run(std::uint64_t offset, std::span<const std::byte> run, OnFailure then);
  bool reserve_more(std::uint64_t bytes);
  bool move_to_memory();
  std::uint64_t needed_from() const;
  void turn_ended();
  void tell();
  std::uint64_t front() const;

  const Parts parts_;
  const std::shared_ptr<const BlobFile> file_;
  std::unique_ptr<DiskBudget::Reservation> room_;  // null once passing
  const std::shared_ptr<Progress> progress_;
  const std::shared_ptr<ReadPositions> readers_ = std::make_shared<ReadPositions>();
  const std::shared_ptr<FileHasher> hasher_;

  std::uint64_t written_ = 0;  // in order
  Extents there_;              // of the file on the disk, in order or not
  std::unique_ptr<std::byte[]> run_;
  std::size_t gathered_ = 0;  // bytes in run_, which follow the written ones
  bool turn_end_posted_ = false;
  std::uint64_t told_ = 0;  // what readers and the hasher know of written_
  bool write_failed_ = false;
  std::optional<metrics::BypassReason> bypass_;
  std::uint64_t slid_ = 0;  // passing: bytes before this are gone
};

}  // namespace entrepot::cache
