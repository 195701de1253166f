// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cache/base/digest.h"
#include "cache/base/origins.h"
#include "cache/content/progress.h"
#include "cache/content/read_positions.h"

namespace entrepot::cache {

/// An open file of the store. The last reference closes it.
class BlobFile {
 public:
  explicit BlobFile(int fd) : fd_(fd) {}
  ~BlobFile();
  BlobFile(const BlobFile&) = delete;
  BlobFile& operator=(const BlobFile&) = delete;
  int fd() const { return fd_; }
  /// True if bytes may be discarded once all readers have passed them (a growing file). Such bytes
  /// must be copied on sending, because the kernel would read lent pages later.
  bool discardable() const { return discardable_.load(std::memory_order_acquire); }
  void set_discardable() const { discardable_.store(true, std::memory_order_release); }

 private:
  int fd_;
  mutable std::atomic<bool> discardable_{false};
};

/// Receives reports of stored files that could not be read. Thread-safe.
class ReadErrorListener {
 public:
  virtual ~ReadErrorListener() = default;
  virtual void doubt(const Digest& digest) = 0;
};

/// A blob or a manifest to send. The body is in memory, in a complete file, or in a growing file.
/// The answer to a HEAD for an object that is not stored has no body. Immutable after construction;
/// shared between threads.
struct Content {
  Digest digest;
  std::uint64_t size = 0;
  /// The media type from the upstream for manifests; empty for blobs.
  std::string media_type;
  /// The complete body, or null.
  std::shared_ptr<const std::string> bytes;
  /// The body on disk, or null.
  std::shared_ptr<const BlobFile> file;
  /// With `file`: the readable part; null if the file is complete.
  std::shared_ptr<Progress> progress;
  /// With `progress`: the read position of this answer.
  std::shared_ptr<ReadPositions::Reader> reader = nullptr;
  /// With a complete `file`; must outlive the content. May be null.
  ReadErrorListener* doubts = nullptr;
  /// With `progress`: the bytes that this answer may read.
  Progress::ReadPolicy reach = Progress::ReadPolicy::proven;
  /// For manifests with bytes: the digests they reference, each once (ManifestOutline). Null for
  /// anything else.
  std::shared_ptr<const std::vector<Digest>> references = nullptr;
  /// The upstreams that have delivered the bytes.
  Origins::Set origins = Origins::nobody;
};

using ContentPtr = std::shared_ptr<const Content>;

}  // namespace entrepot::cache
