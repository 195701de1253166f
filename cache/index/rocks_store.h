// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cache/base/digest.h"
#include "cache/index/layout.h"
#include "cache/index/rocks_health.h"
#include "cache/index/rocks_open.h"
#include "metrics/log.h"
#include "metrics/metrics.h"

namespace entrepot::cache {

inline rocksdb::Slice rocks_slice(std::string_view text) { return {text.data(), text.size()}; }

/// The database of the index: reads and writes of values by family. Private to cache/index. Blocks;
/// thread-safe.
class RocksStore : public OpenedRocks {
 public:
  RocksStore(OpenedRocks opened, std::uint64_t space, const metrics::Metrics& metrics)
      : OpenedRocks(std::move(opened)),
        space_to_open(space),
        health(metrics.disk().errors(metrics::DiskOperation::index), [this] {
          // RocksDB refuses all writes after a background error until Resume().
          return db->Resume().ok() && put(meta_family, "room", "", true).ok();
        }) {}
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  bool written(const rocksdb::Status& status) { return health.written(status); }

  std::optional<std::string> get(Family family, std::string_view key) const {
    std::string value;
    const auto status = db->Get({}, families[family], rocks_slice(key), &value);
    if (status.ok()) return value;
    if (!status.IsNotFound()) log::error("index: reading failed: {}", status.ToString());
    return std::nullopt;
  }

  template <typename Decode>
  auto record(Family family, std::string_view key, Decode decode) const {
    const auto value = get(family, key);
    return value ? decode(*value) : std::nullopt;
  }

  rocksdb::Status put(Family family, std::string_view key, std::string_view value,
                      bool sync = false) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db->Put(options, families[family], rocks_slice(key), rocks_slice(value));
  }

  rocksdb::Status erase(Family family, std::string_view key, bool sync = false) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    return db->Delete(options, families[family], rocks_slice(key));
  }

  bool has(Family family, std::string_view key) const {
    rocksdb::PinnableSlice value;
    return db->Get({}, families[family], rocks_slice(key), &value).ok();
  }

  /// `visit` returns false to stop.
  template <typename Visit>
  bool for_each(Family family, std::string_view from, Visit visit) const {
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // a full scan must not displace records in use
    const std::unique_ptr<rocksdb::Iterator> all(db->NewIterator(options, families[family]));
    for (all->Seek(rocks_slice(from)); all->Valid(); all->Next()) {
      if (!visit(all->key().ToStringView(), all->value().ToStringView())) return true;
    }
    if (all->status().ok()) return true;
    log::error("index: reading failed: {}", all->status().ToString());
    return false;
  }

  /// As above, for keys that are digests. `visit` receives the result of `decode`.
  template <typename Decode, typename Visit>
  bool for_each_digest(Family family, const std::optional<Digest>& after, Decode decode,
                       const Visit& visit) const {
    const auto from = after ? digest_key(*after) + '\0' : std::string();
    return for_each(family, from, [&](std::string_view key, std::string_view value) {
      const auto digest = parse_digest_key(key);
      const auto record = decode(value);
      return !digest || !record || visit(*digest, *record);
    });
  }

  const std::uint64_t space_to_open;  ///< see IndexUsage
  RocksHealth health;
  std::atomic<std::int64_t> tags{0};  ///< number of tag records
};

}  // namespace entrepot::cache
