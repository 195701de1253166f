// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/space/storage.h"
#include "cache/upkeep/scrub.h"

namespace entrepot::cache {

/// Loads the index on disk into memory, after the start of the process. Requests are answered
/// meanwhile by querying RocksDB for objects that are not in memory. Also detects an unclean
/// shutdown of the previous process and the blobs that are doubtful after it.
class Startup {
 public:
  /// `scrub` receives the doubtful blobs.
  Startup(Storage& storage, Scrub& scrub) : storage_(storage), scrub_(scrub) {}

  /// Reads the state needed before the first request. May block; call it before the loops start.
  void begin();
  /// Loads all records, as one job of the store pool; a few microseconds per object. Returns false
  /// if a disk read failed or the process is stopping; run it again then.
  bool run();

  /// Read the patterns pinned by command and the partial blobs. They are parts of begin(), for
  /// callers that do not use it.
  static void read_pins(Storage& storage);
  static void read_partials(Storage& storage);
  /// Writes the note that begin() of the next process reads. Call it once a minute while the
  /// process lives.
  static void note_alive(Storage& storage);
  /// Records a clean shutdown. Call it after the store pool has ended.
  static void note_end(Storage& storage);
  /// Computes the objects that match pin patterns, from all links in RocksDB. The caller keeps
  /// notes from a time at which all links were in RocksDB. Call it on the store pool. Returns false
  /// if a disk read failed.
  static bool count_pinned(Storage& storage);

 private:
  Storage& storage_;
  Scrub& scrub_;
  Pins::Notes pinned_since_;  // until loading ends
};

}  // namespace entrepot::cache
