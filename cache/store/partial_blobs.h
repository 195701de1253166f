// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "cache/base/digest.h"
#include "cache/base/extents.h"
#include "cache/base/origins.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// Blobs of which only some ranges are stored, in files that a later fill can continue. They remain
/// after requests for ranges, a lost upstream or a shutdown. Their bytes are as unverified as
/// arriving ones until the digest of the complete blob is computed. Thread-safe.
class PartialBlobs {
 public:
  struct Partial {
    Digest digest;
    std::uint64_t size;  ///< of the whole blob, and of its sparse file
    Extents extents;
    Origins::Set origins = Origins::nobody;
  };

  void add(Partial partial) {
    const MutexLock lock(mutex_);
    if (const auto before = by_digest_.find(partial.digest); before != by_digest_.end())
      remove(before->second);
    bytes_.fetch_add(partial.extents.bytes(), std::memory_order_relaxed);
    const auto digest = partial.digest;
    by_digest_[digest] = all_.insert(all_.end(), std::move(partial));
  }

  bool has(const Digest& digest) const {
    const MutexLock lock(mutex_);
    return by_digest_.contains(digest);
  }

  /// Removes and returns the partial blob; the caller owns its file.
  std::optional<Partial> take(const Digest& digest) {
    const MutexLock lock(mutex_);
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end()) return std::nullopt;
    return remove(found->second);
  }

  /// Removes and returns the oldest partial blob.
  std::optional<Partial> take_oldest() {
    const MutexLock lock(mutex_);
    if (all_.empty()) return std::nullopt;
    return remove(all_.begin());
  }

  std::size_t count() const {
    const MutexLock lock(mutex_);
    return all_.size();
  }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Partial remove(std::list<Partial>::iterator at) REQUIRES(mutex_) {
    Partial partial = std::move(*at);
    by_digest_.erase(partial.digest);
    all_.erase(at);
    bytes_.fetch_sub(partial.extents.bytes(), std::memory_order_relaxed);
    return partial;
  }

  mutable Mutex mutex_;
  std::list<Partial> all_ GUARDED_BY(mutex_);  // in insertion order
  std::unordered_map<Digest, std::list<Partial>::iterator> by_digest_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace entrepot::cache
