// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
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
#include "metrics/mutex.h"

namespace entrepot::cache {

inline rocksdb::Slice rocks_slice(std::string_view text) { return {text.data(), text.size()}; }

/// The database of the index: reads and writes of values by family. Private to cache/index. Blocks;
/// thread-safe.
class RocksStore {
 public:
  /// The database for some calls: it stays open as long as this exists. May be nested.
  class Use {
   public:
    explicit Use(const RocksStore& store) : opened_(store.acquire()) {}
    /// False: it could not be opened again by release().
    explicit operator bool() const { return opened_ != nullptr; }
    rocksdb::DB* operator->() const { return opened_->db.get(); }
    rocksdb::ColumnFamilyHandle* family(Family family) const { return opened_->families[family]; }
    const OpenedRocks& opened() const { return *opened_; }

   private:
    std::shared_ptr<const OpenedRocks> opened_;
  };

  /// Opens the database at `path` (open_rocks()).
  RocksStore(std::filesystem::path path, std::uint64_t max_size, const metrics::Metrics& metrics);
  /// Leaves the database open after a failed write: closing it would abort (RocksDB 7.8).
  ~RocksStore();
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;

  /// Gives the database to another process: refuses all writes, closes it when its uses end, and
  /// opens it again for reading, as it is then. False, with nothing changed, after a failed write.
  /// Once.
  bool release();

  RocksHealth& health() { return health_; }
  /// Writes a batch for families of `use`. False: that failed, or writes are refused.
  bool write(const Use& use, rocksdb::WriteBatch& batch, bool sync = false);
  bool put(Family family, std::string_view key, std::string_view value, bool sync = false);
  bool erase(Family family, std::string_view key, bool sync = false);

  std::optional<std::string> get(Family family, std::string_view key) const;
  bool has(Family family, std::string_view key) const;

  template <typename Decode>
  auto record(Family family, std::string_view key, Decode decode) const {
    const auto value = get(family, key);
    return value ? decode(*value) : std::nullopt;
  }

  /// `visit` returns false to stop. False: reading failed.
  template <typename Visit>
  bool for_each(Family family, std::string_view from, Visit visit) const {
    const Use use(*this);
    if (!use) return false;
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // a full scan must not displace records in use
    const std::unique_ptr<rocksdb::Iterator> all(use->NewIterator(options, use.family(family)));
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
  std::atomic<std::int64_t> tags{0};  ///< number of tag records

 private:
  /// While release() opens the database again, waits for it.
  std::shared_ptr<const OpenedRocks> acquire() const;
  /// Shared by the uses; the last one closes it.
  std::shared_ptr<const OpenedRocks> shared(OpenedRocks opened);
  /// Lets RocksDB write again after its disk was full.
  bool resume();

  const std::filesystem::path path_;
  const std::uint64_t max_size_;
  mutable Mutex mutex_;
  mutable ConditionVariable changed_;
  std::shared_ptr<const OpenedRocks> owned_ GUARDED_BY(mutex_);
  std::weak_ptr<const OpenedRocks> present_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;   // the last database that was open
  bool replaced_ GUARDED_BY(mutex_) = true;  // false while release() is between two of them
  RocksHealth health_;
};

}  // namespace entrepot::cache
