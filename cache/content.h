// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cache/digest.h"
#include "cache/origins.h"
#include "cache/progress.h"
#include "cache/readers.h"

namespace entrepot::cache {

/// An open file of the store, closed with its last reference.
class BlobFile {
 public:
  explicit BlobFile(int fd) : fd_(fd) {}
  ~BlobFile();
  BlobFile(const BlobFile&) = delete;
  BlobFile& operator=(const BlobFile&) = delete;
  int fd() const { return fd_; }
  /// Bytes may go once all readers have passed them (arriving_file.h): they must be copied out, not
  /// lent to the network, which would still look at them later.
  bool fleeting() const { return fleeting_.load(std::memory_order_acquire); }
  void set_fleeting() const { fleeting_.store(true, std::memory_order_release); }

 private:
  int fd_;
  mutable std::atomic<bool> fleeting_{false};
};

/// Whom to tell that a stored file could not be read. Any thread.
class Doubts {
 public:
  virtual ~Doubts() = default;
  virtual void doubt(const Digest& digest) = 0;
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
  /// With `file`: what of it may be read; null once it is whole.
  std::shared_ptr<Progress> progress;
  /// With `progress`: this answer's place.
  std::shared_ptr<Readers::Reader> reader = nullptr;
  /// With a whole `file`; outlives the content. May be null.
  Doubts* doubts = nullptr;
  /// With `progress`: how this answer may read it.
  Progress::Reach reach = Progress::Reach::proven;
  /// Manifests whose bytes are here: what they name, each digest once (ManifestOutline). Null for
  /// anything else.
  std::shared_ptr<const std::vector<Digest>> references = nullptr;
  /// Who has given the bytes.
  Origins::Set origins = Origins::nobody;
};

}  // namespace entrepot::cache
