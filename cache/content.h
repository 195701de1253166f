// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cache/digest.h"
#include "cache/progress.h"

namespace entrepot::cache {

/// An open file of the store, closed with its last reference.
class BlobFile {
 public:
  explicit BlobFile(int fd) : fd_(fd) {}
  ~BlobFile();
  BlobFile(const BlobFile&) = delete;
  BlobFile& operator=(const BlobFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// A blob or a manifest that can be sent: all of it in memory, a whole file, a file that still
/// grows, or (for a HEAD of something not stored) only what is known of it.
/// Immutable once made; shared between threads.
struct Content {
  Digest digest;
  std::uint64_t size = 0;
  /// Manifests: the media type under which the upstream named it. Blobs: empty.
  std::string media_type;
  /// The whole body, or null.
  std::shared_ptr<const std::string> bytes;
  /// The body on disk, or null.
  std::shared_ptr<const BlobFile> file;
  /// With `file`: how far it may be read; null once it is whole.
  std::shared_ptr<Progress> progress;
};

}  // namespace entrepot::cache
