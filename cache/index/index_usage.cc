// SPDX-License-Identifier: Apache-2.0
#include "cache/index/index_usage.h"

#include "cache/index/records.h"
#include "cache/index/rocks_compaction.h"
#include "cache/index/rocks_store.h"

namespace entrepot::cache {

std::optional<std::uint64_t> IndexUsage::compact(std::uint64_t spared, std::atomic<bool>& stop) {
  const RocksStore::Use use(store_);
  return use ? compact_contents(use.opened(), spared, stop) : std::nullopt;
}

std::uint64_t IndexUsage::table_bytes() const {
  std::uint64_t sum = 0;
  const RocksStore::Use use(store_);
  if (!use) return sum;
  for (std::size_t family = 0; family < family_count; ++family) {
    std::uint64_t bytes = 0;
    if (family != contents_family)
      use->GetIntProperty(use.family(static_cast<Family>(family)),
                          rocksdb::DB::Properties::kEstimateLiveDataSize, &bytes);
    sum += bytes;
  }
  return sum;
}

std::uint64_t IndexUsage::links_bytes() const {
  std::uint64_t sorted = 0, unflushed = 0;
  const RocksStore::Use use(store_);
  if (!use) return 0;
  auto* const links = use.family(links_family);
  use->GetIntProperty(links, rocksdb::DB::Properties::kEstimateLiveDataSize, &sorted);
  use->GetIntProperty(links, rocksdb::DB::Properties::kCurSizeAllMemTables, &unflushed);
  return sorted + unflushed;
}

std::uint64_t IndexUsage::memory_bytes() const {
  std::uint64_t cached = 0, unflushed = 0;
  const RocksStore::Use use(store_);
  if (!use) return 0;
  use->GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &cached);
  use->GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &unflushed);
  return cached + unflushed;
}

void IndexUsage::count_tags() {
  static_cast<void>(
      store_.for_each(tags_family, {}, [this](std::string_view, std::string_view value) {
        if (decode_tag(value)) store_.tags.fetch_add(1, std::memory_order_relaxed);
        return true;
      }));
}

std::uint64_t IndexUsage::space_to_open() const { return store_.space_to_open; }

std::int64_t IndexUsage::tags() const { return store_.tags.load(std::memory_order_relaxed); }

}  // namespace entrepot::cache
