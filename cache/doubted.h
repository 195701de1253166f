// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_set>

#include "cache/digest.h"

namespace entrepot::cache {

/// Blobs that have arrived with another digest than they were asked by. The next time each comes
/// over one transfer from one endpoint, so that it is clear who is to blame. Any thread.
class Doubted {
 public:
  void add(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    if (digests_.size() >= most) digests_.clear();
    digests_.insert(digest);
  }
  void remove(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    digests_.erase(digest);
  }
  bool contains(const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return digests_.contains(digest);
  }

 private:
  static constexpr std::size_t most = 1000;

  mutable std::mutex mutex_;
  std::unordered_set<Digest> digests_;  // guarded by mutex_
};

}  // namespace entrepot::cache
