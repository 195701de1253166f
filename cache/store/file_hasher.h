// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "cache/base/digest.h"
#include "cache/base/executor.h"
#include "cache/content/content.h"
#include "metrics/mutex.h"
#include "metrics/phase_variable.h"

namespace entrepot::cache {

/// State of a FileHasher:
///
///   idle ──► running ──► ended        idle ──► ended
///     ▲         │
///     └─────────┘
enum class HashingPhase : std::uint8_t {
  idle,     ///< all written bytes are hashed, and more will follow
  running,  ///< one job on the store pool, which posts itself again after each step
  ended,    ///< the digest is reported, a read has failed, or the owner has cancelled
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(HashingPhase from, HashingPhase to) {
  using enum HashingPhase;
  switch (to) {
    case idle:
      return from == running;
    case running:
      return from == idle;
    case ended:
      return from != ended;
  }
  return false;
}

constexpr std::string_view to_string(HashingPhase phase) {
  using enum HashingPhase;
  switch (phase) {
    case idle:
      return "idle";
    case running:
      return "running";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(HashingPhase) { return "a file hasher"; }

/// Hashes a growing file on the store pool, close behind its writer, so that the digest is known
/// soon after the last byte and the bytes are still in the page cache when they are read.
///
/// Offsets and sizes are in bytes. advance(), finish() and cancel() are called on the home, which
/// also runs `done`; the object keeps itself alive while a job of the pool runs.
class FileHasher : public std::enable_shared_from_this<FileHasher> {
 public:
  /// nullopt: the file could not be read.
  using Done = std::function<void(std::optional<Digest>)>;

  FileHasher(std::shared_ptr<const BlobFile> file, Algorithm algorithm, JobQueue& store,
             Executor& home, Done done);

  /// Bytes [0, written) are in the file and will not change.
  void advance(std::uint64_t written);
  /// The file ends at `size`: done() will be called once, with the digest of [0, size).
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
  void end();

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
  PhaseVariable<HashingPhase> phase_ GUARDED_BY(mutex_){HashingPhase::idle};
};

}  // namespace entrepot::cache
