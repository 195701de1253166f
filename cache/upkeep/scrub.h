// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "cache/base/digest.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/environment.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// Verifies the digests of stored files, slowly and in rounds, and removes those that do not match.
/// Blobs that are doubtful after an unclean shutdown come first and faster. Pages that were not in
/// the page cache before are dropped from it afterwards, so that hits keep theirs; those of a blob
/// that clients are reading stay, because a serve loop would otherwise wait for the disk.
class Scrub {
 public:
  /// All arguments must outlive this object.
  Scrub(const Environment& environment, BlobStore& store, const BlobFiles& files)
      : environment_(environment), store_(store), files_(files) {}

  /// Queues doubtful blobs in front of the round. Any thread; preferably before the first tick().
  void verify_first(std::vector<Digest> doubtful);
  /// Call it once a second: starts a job of the store pool that continues reading. Any thread.
  void tick();

 private:
  /// A file that is being read.
  struct Reading {
    Digest digest;
    std::shared_ptr<const BlobFile> file;
    std::uint64_t size;
    Hasher hasher;
    std::uint64_t offset = 0;
  };

  void run();
  /// Reads up to `budget` bytes of the file. Returns the number of bytes read.
  std::uint64_t read_on(std::uint64_t budget);
  /// Opens the next file. Returns false if there is none now.
  bool open_next();
  enum class Opening : std::uint8_t { opened, skipped, later };
  Opening open(const Digest& digest);
  bool is_doubtful(const Digest& digest) const;
  std::optional<Digest> next_doubtful();
  std::optional<Digest> next_of_round();
  void publish_progress();

  const Environment& environment_;
  BlobStore& store_;
  const BlobFiles& files_;
  std::atomic<bool> running_{false};

  // Running job only.
  std::optional<Reading> reading_;
  bool reading_doubtful_ = false;
  std::optional<Digest> cursor_;  // verified last in this round
  bool in_round_ = false;
  bool resumed_ = false;
  std::uint64_t round_bytes_ = 0;
  WallTime round_began_{};

  Mutex mutex_;
  std::deque<Digest> doubtful_ GUARDED_BY(mutex_);
  bool had_doubtful_ GUARDED_BY(mutex_) = false;
};

}  // namespace entrepot::cache
