// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/base/extents.h"
#include "cache/content/content.h"
#include "cache/content/read_positions.h"
#include "cache/store/file_hasher.h"

namespace entrepot::cache {

/// The bytes of a growing file that have arrived in order, from the beginning.
struct ArrivedBytes {
  std::uint64_t written = 0;
  std::size_t gathered = 0;  ///< these follow the written ones, and are not in the file yet

  std::uint64_t total() const { return written + gathered; }
};

/// The window of a file that passes through. The file is in memory, and only a part of it exists:
/// from the slowest reader or the hasher, whichever is further behind, to the bytes that have
/// arrived. While the window is full, the upstream has to wait (PassThroughPacer); slide() makes
/// room. A reader that holds up the others can be cut short.
///
/// Offsets and sizes are in bytes. It owns no bytes: its file, its readers and the hasher are those
/// of the GrowingFile, which owns the window. The home's thread only; readers and the hasher may
/// move on meanwhile, on threads of their own. Nothing fails: bytes that the kernel does not give
/// back stay in memory to the end of the fill.
class PassThroughWindow {
 public:
  /// The window is full with so many bytes. More exist while a chunk of the upstream is taken.
  static constexpr std::uint64_t max_bytes = 4 << 20;

  /// All outlive the window.
  PassThroughWindow(const BlobFile& file, const ArrivedBytes& arrived, ReadPositions& readers,
                    const FileHasher& hasher)
      : file_(file), arrived_(arrived), readers_(readers), hasher_(hasher) {}

  bool full() const;
  /// A whole window may be discarded.
  bool should_slide() const { return arrived_.written >= begin_ + max_bytes; }
  /// Discards the whole pages that neither a reader nor the hasher needs any more.
  void slide();
  /// Bytes before this are discarded.
  std::uint64_t begin() const { return begin_; }
  /// Bytes that a new reader needs are discarded.
  bool begun_to_slide() const { return begin_ > 0; }

  /// The written bytes that a reader or the hasher needs, from the beginning of a page.
  Span needed() const;
  /// The window begins behind the bytes that are written now, and these are never discarded: the
  /// kernel may still send them by reference.
  void begin_behind_written();

  /// Some readers wait for others that are far behind them.
  bool uneven() const;
  /// Records the position of each reader, for cut_slow() and cut_idle().
  void mark_readers() { readers_.mark(); }
  /// Cuts short the readers that are far behind the fastest and have not advanced by a window since
  /// mark_readers(). Returns their number.
  std::size_t cut_slow();
  /// The same, for readers at any position.
  std::size_t cut_idle() { return readers_.cut_before(ReadPositions::nobody, max_bytes); }
  /// It has no readers.
  bool deserted() const { return readers_.slowest() == ReadPositions::nobody; }

 private:
  std::uint64_t needed_from() const;
  std::uint64_t front() const;

  const BlobFile& file_;
  const ArrivedBytes& arrived_;
  ReadPositions& readers_;
  const FileHasher& hasher_;
  std::uint64_t begin_ = 0;
};

}  // namespace entrepot::cache
