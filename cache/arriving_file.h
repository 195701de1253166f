// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cache/blob_files.h"
#include "cache/content.h"
#include "cache/executor.h"
#include "cache/failure.h"
#include "cache/file_hasher.h"

namespace entrepot::cache {

/// The file that a fill writes, its hasher and its readers' progress. Pieces are gathered and
/// written in aligned runs, the last one of a turn of the loop as it is: few system calls, and a
/// page cache made of large folios, which every later hit is cheaper for. Readers and the hasher
/// are told once per turn.
///
/// Made, called and told (`proven`) on the home's thread; hashing happens on the store pool.
class ArrivingFile : public std::enable_shared_from_this<ArrivingFile> {
 public:
  /// The digest of the whole file; nullopt when it could not be read back.
  using Proven = FileHasher::Done;

  /// Null (with the reason logged) where the directory takes no new file. `size`: of the whole
  /// object, where the upstream told it; it makes progress() and bounds take(). `tail`: what
  /// readers do not get before the fill says finish_readers(whole).
  static std::shared_ptr<ArrivingFile> create(const BlobFiles& files, const Digest& digest,
                                              std::optional<std::uint64_t> size, std::uint64_t tail,
                                              Poster& store, Executor& home, Proven proven);

  ArrivingFile(const BlobFiles& files, const Digest& digest, std::shared_ptr<const BlobFile> file,
               std::optional<std::uint64_t> size, std::uint64_t tail, Poster& store, Executor& home,
               Proven proven);
  ~ArrivingFile();
  ArrivingFile(const ArrivingFile&) = delete;
  ArrivingFile& operator=(const ArrivingFile&) = delete;

  /// Bytes [offset, offset + data.size()); offset ≤ arrived(). What arrived before is compared, the
  /// rest is kept, up to `limit` bytes in all.
  std::optional<Failure> take(std::uint64_t offset, std::span<const std::byte> data,
                              std::uint64_t limit);
  /// No more will come: writes the rest; proven() will be called. Readers do not get the tail yet.
  std::optional<Failure> finish();
  /// Readers get everything (whole) or are cut short (failed).
  void finish_readers(Progress::State state);
  /// proven() will not be called; readers are cut short.
  void abandon();

  std::uint64_t arrived() const { return written_ + gathered_; }
  const std::shared_ptr<const BlobFile>& file() const { return file_; }
  /// Null while the size is unknown.
  const std::shared_ptr<Progress>& progress() const { return progress_; }

 private:
  bool same_as_written(std::uint64_t offset, std::span<const std::byte> data) const;
  void gather(std::span<const std::byte> data);
  void write_gathered();
  void turn_ended();

  const BlobFiles& files_;
  const Digest digest_;
  Executor& home_;
  const std::shared_ptr<const BlobFile> file_;
  const std::shared_ptr<Progress> progress_;
  const std::uint64_t tail_;
  const std::shared_ptr<FileHasher> hasher_;

  std::uint64_t written_ = 0;
  std::unique_ptr<std::byte[]> run_;
  std::size_t gathered_ = 0;  // bytes in run_, which follow the written ones
  bool turn_end_posted_ = false;
  bool write_failed_ = false;
};

}  // namespace entrepot::cache
