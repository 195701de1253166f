// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <shared_mutex>

#include "cache/index/layout.h"

namespace entrepot::cache {

/// The lock of the cache directory: the process that holds it may change files there. Thread-safe.
class DirectoryLock {
 public:
  /// Permission to change files of the directory; release() waits for its end. Not to be nested.
  class Change {
   public:
    explicit Change(const DirectoryLock& lock) : lock_(lock.mutex_), held_(lock.held()) {}
    /// False: the directory belongs to another process.
    explicit operator bool() const { return held_; }

   private:
    const std::shared_lock<std::shared_mutex> lock_;
    const bool held_;
  };

  /// Takes the lock. Throws OpenError (open_error.h); OpenLaterError if another process has it.
  explicit DirectoryLock(const Layout& layout);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  bool held() const { return held_.load(std::memory_order_relaxed); }
  /// Lets another process take the lock, when the changes in progress have ended, and `last` after
  /// them. Blocks.
  void release(const std::function<void()>& last);

 private:
  mutable std::shared_mutex mutex_;  // shared by changes, exclusive to release
  std::atomic<bool> held_{true};
  int fd_;
};

}  // namespace entrepot::cache
