// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace entrepot::cache {

class RocksStore;

/// Named values of the cache, stored in the index. All calls block: store pool, or before the loops
/// start. Thread-safe. Names:
///
///   "running"   exists until a clean shutdown: time of the last sign of life, ms
///   "doubtful"  after an unclean shutdown: blobs stored since this time are unverified, ms
///   "bytes"     total size of blob files, updated every minute
///   "pins"      patterns pinned by command, one per line
///   "scrubbed"  the blob that the scrub verified last
///   "fill …"    followed by a digest: the upstream of an unfinished file; see Origins
///   "room"      empty: written to test whether the disk has space
class IndexNotes {
 public:
  explicit IndexNotes(RocksStore& store) : store_(store) {}

  std::optional<std::string> get(std::string_view name) const;
  bool put(std::string_view name, std::string_view value, bool synced = false);
  bool erase(std::string_view name);
  /// Erases all whose names begin with `begin`.
  void erase_all(std::string_view begin);

 private:
  RocksStore& store_;
};

}  // namespace entrepot::cache
