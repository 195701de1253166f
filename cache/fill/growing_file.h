// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cache/base/executor.h"
#include "cache/base/failure.h"
#include "cache/content/progress.h"
#include "cache/content/read_positions.h"
#include "cache/fill/file_writer.h"
#include "cache/fill/pass_through_window.h"
#include "cache/space/file_room.h"
#include "cache/store/file_hasher.h"

namespace entrepot::cache {

/// Receives the bytes of a fill and tells its readers and its hasher which of them are in the file.
/// Bytes that arrive in order are gathered and written in aligned runs; the last run of a turn of
/// the loop ends at its last whole page. That needs few system calls, and fills the page cache with
/// large folios, which makes each later hit cheaper. Readers and the hasher are notified once per
/// turn, and within a turn that delivers much: a near upstream fills its socket as fast as a turn
/// empties it.
///
/// Ranges may lie beyond the bytes that have arrived in order: put() writes them, and pass_over()
/// continues behind them.
///
/// A write in order that fails moves the file to memory if that is possible (FileWriter): the
/// readers notice nothing, and from then on window() says which bytes exist. If it is not possible,
/// no more bytes can be written; a failure of kind `store` reports that. A write of a range that
/// fails changes nothing.
///
/// Offsets and sizes are in bytes. Owns the writer of the file, the hasher and the read positions;
/// replies share the file, the progress and their read position with it. The home's thread creates
/// it, calls it and receives `proven`. Hashing happens on the store pool.
class GrowingFile : public std::enable_shared_from_this<GrowingFile> {
 public:
  /// The digest of the whole file; nullopt when it could not be read back.
  using Proven = FileHasher::Done;

  /// All outlive this.
  struct Parts {
    JobQueue& store;
    Executor& home;
    /// The last bytes, which readers do not get before finish_readers(whole).
    std::uint64_t tail;
  };

  /// The size in `writer`, if it is known, bounds progress(). None of the bytes that an earlier
  /// fill has left count as arrived in order before pass_over(). Create it with std::make_shared.
  GrowingFile(const Parts& parts, FileWriter writer, Proven proven);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Receives bytes [offset, offset + data.size()). Compares bytes that have arrived before, and
  /// keeps the rest, up to `limit` bytes in total. REQUIRES: offset ≤ arrived().
  std::optional<Failure> take(std::uint64_t offset, std::span<const std::byte> data,
                              std::uint64_t limit);
  /// Writes a range of an object of known size: whole pages, or its end. Bytes that are available
  /// stay as they are. False if the range cannot be written.
  bool put(std::uint64_t offset, std::span<const std::byte> data);
  /// Writes the gathered bytes; all bytes up to the first gap count as arrived in order.
  void pass_over();
  /// No more bytes will arrive: writes the rest, and has `proven` called. Readers do not get the
  /// tail yet.
  std::optional<Failure> finish();
  /// Readers get everything (whole) or are cut short (failed).
  void finish_readers(Progress::State state);
  /// `proven` will not be called, and readers are cut short.
  void abandon();

  /// Bytes that have arrived in order from the beginning.
  std::uint64_t arrived() const { return in_order_.total(); }
  /// True if ranges lie beyond the bytes that have arrived in order.
  bool scattered() const { return writer_.extents().bytes() > in_order_.written; }
  bool write_failed() const { return write_failed_; }

  /// The file, the bytes in it, and whether it will be stored.
  const FileWriter& writer() const { return writer_; }
  /// The room of the file on the disk.
  FileRoom& room() { return writer_.room(); }
  /// The window of a file that passes through; null for a file on the disk.
  PassThroughWindow* window() { return writer_.passing() ? &window_ : nullptr; }
  /// Null while the size is unknown.
  const std::shared_ptr<Progress>& progress() const { return progress_; }
  ReadPositions& readers() { return *readers_; }

 private:
  bool repeats(std::uint64_t offset, std::span<const std::byte> data) const;
  void gather(std::span<const std::byte> data);
  /// Writes the gathered bytes, except for the last `kept`.
  void write_gathered(std::size_t kept = 0);
  /// Writes after the bytes in order, to memory if the disk fails. False if that fails as well.
  bool write_next(std::span<const std::byte> run);
  void turn_ended();
  void tell();

  const Parts parts_;
  FileWriter writer_;
  const std::shared_ptr<Progress> progress_;
  const std::shared_ptr<ReadPositions> readers_ = std::make_shared<ReadPositions>();
  const std::shared_ptr<FileHasher> hasher_;

  ArrivedBytes in_order_;
  std::unique_ptr<std::byte[]> run_;  ///< the gathered bytes
  bool turn_end_posted_ = false;
  std::uint64_t told_ = 0;  ///< of the written bytes: readers and the hasher know these
  bool write_failed_ = false;
  PassThroughWindow window_;  ///< begins at 0 until the file passes through
};

}  // namespace entrepot::cache
