// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/base/digest.h"
#include "cache/index/layout.h"
#include "cache/store/directory_lock.h"
#include "metrics/metrics.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The folder of files that cannot be read, which are not served, until their space is needed.
/// Meanwhile the bad sectors under them are not reused, and an operator can inspect them. Blocks on
/// the disk, but for bytes(); thread-safe.
class Quarantine {
 public:
  /// `directory`, the lock of the directory, and `metrics` outlive this.
  Quarantine(Layout layout, const DirectoryLock& directory, const metrics::Metrics& metrics);

  /// Moves the file of the blob to the folder. False: it is no file, or that failed.
  bool take(const Digest& digest);
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  /// Removes the files. Returns the number of bytes freed.
  std::uint64_t empty();

 private:
  void measure() REQUIRES(mutex_);

  const Layout layout_;
  const DirectoryLock& directory_;
  const metrics::Metrics& metrics_;
  Mutex mutex_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace entrepot::cache
