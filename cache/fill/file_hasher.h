// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cache/base/digest.h"
#include "cache/base/executor.h"
#include "cache/content/content.h"
#include "cache/fill/hash_phase.h"
#include "metrics/mutex.h"
#include "metrics/phase_variable.h"

namespace entrepot::cache {

/// Hashes a growing file on the store pool, close behind its writer, so that the digest is known
/// soon after the last byte and the bytes are still in the page cache when they are read.
///
/// One job of the pool runs at a time; hash_phase.h has the diagram. `done` is posted to the home,
/// once. advance, finish and cancel are called on the home; the object keeps itself alive while a
/// job runs.
class FileHasher : public std::enable_shared_from_this<FileHasher> {
 public:
  /// nullopt: the file could not be read.
  using Done = std::function<void(std::optional<Digest>)>;

  FileHasher(std::shared_ptr<const BlobFile> file, Algorithm algorithm, JobQueue& store,
             Executor& home, Done done);

  /// Bytes [0, written) are in the file and will not change.
  void advance(std::uint64_t written);
  /// The file ends at `size`: done() will be called with the digest of [0, size).
  void finish(std::uint64_t size);
  /// Bytes before this will not be read again. Any thread.
  std::uint64_t hashed() const { return hashed_.load(std::memory_order_acquire); }
  /// done() will not be called any more.
  void cancel();

 private:
  void run_if_idle();
  void run_later();
  void run();
  /// Hashes [hashed_, until); false when reading failed.
  bool hash_until(std::uint64_t until);
  void report(std::optional<Digest> digest);

  const std::shared_ptr<const BlobFile> file_;
  JobQueue& store_;
  Executor& home_;
  Done done_;  // home only

  // The running pool job only.
  Hasher hasher_;
  std::atomic<std::uint64_t> hashed_{0};

  Mutex mutex_;
  std::uint64_t target_ GUARDED_BY(mutex_) = 0;
  bool last_ GUARDED_BY(mutex_) = false;
  PhaseVariable<HashPhase> phase_ GUARDED_BY(mutex_){HashPhase::idle};
};

}  // namespace entrepot::cache
