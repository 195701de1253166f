// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "cache/content/content.h"
#include "cache/fill/file_writer.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/growing_file.h"
#include "cache/store/partial_blobs.h"

namespace entrepot::cache {

/// The file of a fill, and its name in the directory of unfinished files: creates it, takes it over
/// from an earlier fill, and leaves it to the next one or removes it. The home's thread only.
class FillFile {
 public:
  /// `proven` receives the digest of the complete file. `subject` outlives this.
  FillFile(const FillSubject& subject, GrowingFile::Proven proven);

  /// Takes over a file that an earlier fill has left, if this upstream's clients may get its bytes.
  void take_partial();
  /// A file that was taken over and is not open yet.
  const std::optional<PartialBlobs::Partial>& partial() const { return partial_; }
  /// Removes it.
  void forget_partial();

  /// The size of the whole object, if the upstream has named it.
  const std::optional<std::uint64_t>& size() const { return size_; }
  void set_size(std::optional<std::uint64_t> size) { size_ = size; }

  /// Opens the partial file, with room for `room` bytes. False if it cannot be of an object of this
  /// size, or if there is no room.
  bool resume(std::uint64_t room);
  /// Opens a new file; one that passes through if the cache has no room or its disk fails. False if
  /// neither is possible.
  bool create();
  /// Opens a new file for ranges, with room for `room` bytes. False if there is none.
  bool create_for_ranges(std::uint64_t room);

  bool is_open() const { return file_ != nullptr; }
  /// The object can be read while it arrives.
  bool is_readable() const { return file_ && size_; }
  GrowingFile& operator*() const { return *file_; }
  GrowingFile* operator->() const { return file_.get(); }
  /// The object is not stored, for lack of room or because the disk fails.
  bool passing() const { return file_ && file_->writer().passing(); }
  /// The content of an open file of known size.
  ContentPtr growing_content() const;

  /// False once another fill may have the name of the file.
  bool named() const { return named_; }
  /// Removes the name, once: from then on it belongs to the next fill. Clients that read the file
  /// keep it open.
  void give_name_up();
  /// Leaves the file to the next fill if it has at least `min_bytes`; removes it otherwise.
  void leave(std::uint64_t min_bytes);
  /// Removes the file after a failure.
  void discard();
  /// The object is stored, or is not to be.
  void stored();

 private:
  bool create_passing(BypassReason reason);
  /// False if there is no `writer`.
  bool open(std::optional<FileWriter> writer);
  FileWriter::Parts parts() const;

  const FillSubject& subject_;
  const GrowingFile::Proven proven_;
  std::optional<PartialBlobs::Partial> partial_;
  std::optional<std::uint64_t> size_;
  std::shared_ptr<GrowingFile> file_;
  bool named_;
};

}  // namespace entrepot::cache
