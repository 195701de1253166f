// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "cache/digest.h"

namespace entrepot::cache {

/// Fills that ended in the middle and whose files wait for somebody to go on with them: the
/// upstream was lost, or this process ended. What they hold is as little proven as what arrives;
/// the digest decides at the end. A handful at most, so a list serves. Thread-safe.
class Partials {
 public:
  struct Partial {
    Digest digest;
    std::uint64_t size;  ///< of the file: bytes [0, size) have arrived
  };

  void add(const Partial& partial) {
    const std::lock_guard lock(mutex_);
    all_.push_back(partial);
    bytes_.fetch_add(partial.size, std::memory_order_relaxed);
  }

  /// The caller's from now on.
  std::optional<Partial> take(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    for (auto at = all_.begin(); at != all_.end(); ++at)
      if (at->digest == digest) return remove(at);
    return std::nullopt;
  }

  /// The one that waits longest.
  std::optional<Partial> take_oldest() {
    const std::lock_guard lock(mutex_);
    if (all_.empty()) return std::nullopt;
    return remove(all_.begin());
  }

  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Partial remove(const std::deque<Partial>::iterator& at) {
    const Partial partial = *at;
    all_.erase(at);
    bytes_.fetch_sub(partial.size, std::memory_order_relaxed);
    return partial;
  }

  std::mutex mutex_;
  std::deque<Partial> all_;  // guarded by mutex_
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace entrepot::cache
