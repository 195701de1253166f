// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <unordered_set>

#include "cache/base/digest.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// A set of digests shared by several threads. Thread-safe.
class DigestSet {
 public:
  /// `most`: maximum number of digests. An insertion beyond it clears the set first.
  explicit DigestSet(std::size_t most = std::numeric_limits<std::size_t>::max()) : most_(most) {}

  void add(const Digest& digest) {
    const MutexLock lock(mutex_);
    if (all_.size() >= most_) all_.clear();
    all_.insert(digest);
  }
  void remove(const Digest& digest) {
    const MutexLock lock(mutex_);
    all_.erase(digest);
  }
  bool contains(const Digest& digest) const {
    const MutexLock lock(mutex_);
    return all_.contains(digest);
  }

 private:
  const std::size_t most_;
  mutable Mutex mutex_;
  std::unordered_set<Digest> all_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
