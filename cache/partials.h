// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "cache/digest.h"
#include "cache/extents.h"
#include "cache/origins.h"

namespace entrepot::cache {

/// Blobs of which only pieces are there, in files that wait for somebody to go on with them: only
/// pieces were asked for, the upstream was lost, or the process ended. What they hold is as little
/// proven as what arrives; the digest decides at the end. Thread-safe.
class Partials {
 public:
  struct Partial {
    Digest digest;
    std::uint64_t size;  ///< of the whole blob, and of its sparse file
    Extents extents;
    Origins::Set origins = Origins::nobody;
  };

  void add(Partial partial) {
    const std::lock_guard lock(mutex_);
    if (const auto before = by_digest_.find(partial.digest); before != by_digest_.end())
      remove(before->second);
    bytes_.fetch_add(partial.extents.bytes(), std::memory_order_relaxed);
    const auto digest = partial.digest;
    by_digest_[digest] = all_.insert(all_.end(), std::move(partial));
  }

  bool has(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return by_digest_.contains(digest);
  }

  /// The caller's from now on.
  std::optional<Partial> take(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    const auto found = by_digest_.find(digest);
    if (found == by_digest_.end()) return std::nullopt;
    return remove(found->second);
  }

  /// The one that waits longest.
  std::optional<Partial> take_oldest() {
    const std::lock_guard lock(mutex_);
    if (all_.empty()) return std::nullopt;
    return remove(all_.begin());
  }

  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Partial remove(std::list<Partial>::iterator at) {
    Partial partial = std::move(*at);
    by_digest_.erase(partial.digest);
    all_.erase(at);
    bytes_.fetch_sub(partial.extents.bytes(), std::memory_order_relaxed);
    return partial;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::list<Partial> all_;  // in the order in which they were left
  std::unordered_map<Digest, std::list<Partial>::iterator> by_digest_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace entrepot::cache
