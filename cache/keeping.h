// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <unordered_set>

#include "cache/digest.h"

namespace entrepot::cache {

/// Blobs whose files are being given their names and are not in the index yet: who finds such a
/// file leaves it alone. Thread-safe.
class Keeping {
 public:
  void add(const Digest& digest) {
    const std::lock_guard lock(mutex_);
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
  mutable std::mutex mutex_;
  std::unordered_set<Digest> all_;  // guarded by mutex_
};

}  // namespace entrepot::cache
