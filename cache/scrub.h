// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cache/blob_files.h"
#include "cache/digest.h"
#include "cache/shared.h"

namespace entrepot::cache {

/// Reads the stored files again, slowly and round after round, and drops those that do not have
/// their digest any more. What an unclean end left doubtful comes first and faster. Bytes that were
/// not in memory before leave it again, so that hits keep their page cache.
class Scrub {
 public:
  explicit Scrub(Shared& shared) : shared_(shared) {}

  /// Any thread; before the first tick() is best.
  void look_first_at(std::vector<Digest> doubtful);
  /// Once a second: lets a job of the store pool read on. Any thread.
  void tick();

 private:
  /// A file in the middle of being read.
  struct Reading {
    Digest digest;
    std::shared_ptr<const BlobFile> file;
    std::uint64_t size;
    Hasher hasher;
    std::uint64_t offset = 0;
  };

  void run();
  /// Reads `budget` bytes more, or to the end of the file; how many it were.
  std::uint64_t read_on(std::uint64_t budget);
  /// The next file; false when there is none now.
  bool open_next();
  enum class Opening : std::uint8_t { opened, skipped, later };
  Opening open(const Digest& digest);
  bool is_doubtful(const Digest& digest) const;
  std::optional<Digest> next_doubtful();
  std::optional<Digest> next_of_round();
  void tell_progress();

  Shared& shared_;
  std::atomic<bool> running_{false};

  // The running job only.
  std::optional<Reading> reading_;
  bool fast_ = false;
  std::optional<Digest> cursor_;  // looked at last in this round
  bool in_round_ = false;
  bool begun_ = false;
  std::uint64_t round_bytes_ = 0;
  WallTime round_began_{};

  std::mutex mutex_;
  std::deque<Digest> doubtful_;  // guarded by mutex_
  bool settling_ = false;        // guarded by mutex_: there were doubtful ones
};

}  // namespace entrepot::cache
