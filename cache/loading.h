// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/scrub.h"
#include "cache/shared.h"

namespace entrepot::cache {

/// Brings the index on disk into memory, behind the start: requests are answered meanwhile, by
/// asking RocksDB for what is not in memory. Also knows whether the last process ended well, and
/// which blobs are doubtful if it did not.
class Loading {
 public:
  /// `scrub` is told what is doubtful.
  Loading(Shared& shared, Scrub& scrub) : shared_(shared), scrub_(scrub) {}

  /// What must be known before the first request. May block; before the loops start.
  void begin();
  /// The rest, as one job of the store pool: some microseconds an object. False when the disk did
  /// not give all of it, or the process ends: to be run again.
  bool run();

  /// Which patterns were pinned by command, and which pieces of blobs were left; parts of begin(),
  /// for who does without it.
  static void read_pins(Shared& shared);
  static void read_partials(Shared& shared);
  /// For as long as the process lives, once a minute: what begin() of the next one will ask.
  static void note_alive(Shared& shared);
  /// The process ends in order. After the store pool has ended.
  static void note_end(Shared& shared);
  /// Which objects the patterns of the pins hold now; from before links that are not in RocksDB yet
  /// the caller keeps notes. Store pool; asks all of RocksDB's links. False when the disk did not
  /// give them.
  static bool count_pinned(Shared& shared);

 private:
  Shared& shared_;
  Scrub& scrub_;
  Pins::Notes pinned_since_;  // until all is loaded
};

}  // namespace entrepot::cache
