// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cache/base/digest.h"
#include "cache/base/origins.h"
#include "cache/store/blob_files.h"
#include "cache/store/environment.h"

namespace entrepot::cache {

/// Notes in RocksDB that name the upstream of each unfinished file. After a restart the bytes of a
/// restricted upstream thereby remain restricted to it (Origins). Thread-safe.
class FillNotes {
 public:
  /// All arguments must outlive this object.
  FillNotes(const Environment& environment, const Origins& origins, const BlobFiles& files)
      : environment_(environment), origins_(origins), files_(files) {}

  /// Notes that a file for bytes of `upstream` was created. Written in the background.
  void add(const Digest& digest, const std::string& upstream) const;
  /// Removes the note of a file that has become a blob. Removed in the background.
  void remove(const Digest& digest) const;
  /// Removes the file immediately (may block) and its note in the background.
  void discard_file(const Digest& digest) const;
  /// The upstream noted by a previous process. May block.
  Origins::Set origins_of(const Digest& digest) const;
  /// At the start, removes the notes of earlier processes if no upstream is restricted: nobody
  /// would keep them up to date. Removed in the background.
  void drop_unused() const;

 private:
  const Environment& environment_;
  const Origins& origins_;
  const BlobFiles& files_;
};

}  // namespace entrepot::cache
