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

namespace entrepot::cache {

/// The file that a fill writes, its hasher and its readers' progress. What arrives in order is
/// gathered and written in aligned runs, the last one of a turn of the loop up to its last whole
/// page: few system calls, and a page cache made of large folios, which every later hit is cheaper
/// for. Readers and the hasher are told once per turn, and in the middle of one that brings much: a
/// near upstream fills its socket as fast as a turn empties it.
///
/// Pieces may lie beyond what has arrived in order: put() writes them, and pass_over() goes on
/// behind them. The file is sparse, and its holes tell a later process what is missing
/// (left_fills.h), so only whole pages are written, but for the end of the object.
///
/// Two forms. On the disk, in reserved room: it becomes the stored blob. Passing through, where
/// there is no room or the disk fails: a file in memory of which only a window exists, from the
/// slowest reader and the hasher to what has arrived; full() then asks the fill to hold the
/// upstream until slide() has made room. The disk's form becomes the other one in the middle if a
/// write fails or no room is left, nobody is far behind, and no piece lies further on: the readers
/// notice nothing.
///
/// Made, called and told (`proven`) on the home's thread; hashing happens on the store pool.
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
    /// Of the whole object, where the upstream told it; it makes progress() and bounds take().
    std::optional<std::uint64_t> size;
    /// What readers do not get before the fill says finish_readers(whole).
    std::uint64_t tail;
  };

  /// What a passing file has in memory at most, but for the piece that fills it.
  static constexpr std::uint64_t window = 4 << 20;
  static constexpr std::uint64_t page = 4096;

  /// Null (with the reason logged) where the directory takes no new file.
  static std::shared_ptr<GrowingFile> create(const Parts& parts,
                                             std::unique_ptr<DiskBudget::Reservation> room,
                                             Proven proven);
  /// Goes on with the file of an earlier fill, where it is there, and null where it is not. Nothing
  /// of it counts as arrived in order before pass_over().
  static std::shared_ptr<GrowingFile> resume(const Parts& parts, const Extents& extents,
                                             std::unique_ptr<DiskBudget::Reservation> room,
                                             Proven proven);
  /// In memory, passing through; null where the system is out of files.
  static std::shared_ptr<GrowingFile> create_passing(const Parts& parts, Proven proven);

  GrowingFile(const Parts& parts, std::shared_ptr<const BlobFile> file,
              std::unique_ptr<DiskBudget::Reservation> room, Proven proven);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Bytes [offset, offset + data.size()); offset ≤ arrived(). What arrived before is compared, the
  /// rest is kept, up to `limit` bytes in all.
  std::optional<Failure> take(std::uint64_t offset, std::span<const std::byte> data,
                              std::uint64_t limit);
  /// A piece of an object of known size, from anywhere in it: whole pages, or its end. What is
  /// there already stays as it is: somebody may have read it, and the proof is of what was read.
  /// False where it cannot be written.
  bool put(std::uint64_t offset, std::span<const std::byte> data);
  /// True where all of these bytes are there already, and are others.
  bool differs(std::uint64_t offset, std::span<const std::byte> data) const;
  /// Reserves room for `size` bytes in all. False where there is none.
  bool claim(std::uint64_t size);
  /// Everything in the file counts as arrived up to the first gap. What was gathered is written.
  void pass_over();
  /// Pieces lie beyond what has arrived in order.
  bool scattered() const { return there_.bytes() > written_; }
  /// What is in the file.
  const Extents& extents() const { return there_; }
  /// No more will come: writes the rest; proven() will be called. Readers do not get the tail yet.
  std::optional<Failure> finish();
  /// Readers get everything (whole) or are cut short (failed).
  void finish_readers(Progress::State state);
  /// proven() will not be called; readers are cut short.
  void abandon();

  /// It will not be kept, because of this word of entrepot_bypass_total; empty while it may be.
  std::string_view bypass() const { return bypass_; }
  bool passing() const { return !bypass_.empty(); }
  void set_bypass(std::string_view reason) { bypass_ = reason; }
  /// Passing: bytes that somebody may still ask for are gone.
  bool begun_to_slide() const { return slid_ > 0; }
  /// Passing: the window is full.
  bool full() const;
  /// Passing: lets go what nobody needs any more.
  void slide();
  /// Passing: there may be a window's worth of it.
  bool should_slide() const { return passing() && written_ >= slid_ + window; }
  /// Passing: some wait for others that are far behind them.
  bool uneven() const;
  /// Passing: leaves those behind that have not come a window further since readers().mark(), and
  /// says how many.
  std::size_t cut_slow();
  /// Passing: leaves those behind that have come no window further since then, wherever they are.
  std::size_t cut_idle() { return readers_->cut_before(ReadPositions::nobody, window); }
  /// Passing: nobody reads it.
  bool deserted() const { return passing() && readers_->slowest() == ReadPositions::nobody; }

  /// Its bytes are counted as a blob's from now on.
  void give_room_back() { room_.reset(); }

  /// In order, from the beginning.
  std::uint64_t arrived() const { return written_ + gathered_; }
  bool write_failed() const { return write_failed_; }
  const std::shared_ptr<const BlobFile>& file() const { return file_; }
  /// Null while the size is unknown.
  const std::shared_ptr<Progress>& progress() const { return progress_; }
  ReadPositions& readers() { return *readers_; }

 private:
  bool same_as_written(std::uint64_t offset, std::span<const std::byte> data) const;
  void gather(std::span<const std::byte> data);
  /// But for `kept` bytes at the end of what was gathered.
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
  std::string_view bypass_;
  std::uint64_t slid_ = 0;  // passing: bytes before this are gone
};

}  // namespace entrepot::cache
