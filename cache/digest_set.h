// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <mutex>
#include <unordered_set>

#include "cache/digest.h"

namespace entrepot::cache {

/// Digests that several threads add, remove and look for. Thread-safe.
class DigestSet {
 public:
  /// One that would make it larger than `most` empties it first.
  explicit DigestSet(std::size_t most = std::numeric_limits<std::size_t>::max()) : most_(most) {}

  void add(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    if (all_.size() >= most_) all_.clear();
    all_.insert(digest);
  }
  void remove(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    all_.erase(digest);
  }
  bool contains(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return all_.contains(digest);
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_set<Digest> all_;  // guarded by mutex_
};

}  // namespace entrepot::cache
