// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "metrics/mutex.h"

namespace entrepot::cache {

/// A bounded map in memory that caches records of the index on disk. It is sharded and evicts by
/// second chance when the sum of its entries' costs exceeds the capacity. A missing entry costs one
/// look-up on disk. Thread-safe; a find takes one shared lock of one shard and one relaxed store.
///
/// `View` is the type of look-up keys (string_view for strings), so that a find does not allocate.
template <typename Key, typename View, typename Value>
class BoundedMap {
 public:
  /// `capacity`: bound of the sum of costs over all shards.
  explicit BoundedMap(std::size_t capacity) : shard_capacity_(capacity / shard_count + 1) {}

  std::optional<Value> find(const View& key) const {
    const Shard& shard = shard_of(key);
    const ReaderLock lock(shard.mutex);
    const auto found = shard.nodes.find(key);
    if (found == shard.nodes.end()) return std::nullopt;
    found->second.used.store(true, std::memory_order_relaxed);
    return found->second.value;
  }

  /// Inserts or replaces. An entry that costs more than the capacity of a shard is not stored.
  void put(const View& key, Value value, std::size_t cost = 1) {
    Shard& shard = shard_of(key);
    const WriterLock lock(shard.mutex);
    remove(shard, key);
    if (cost > shard_capacity_) return;
    while (shard.cost + cost > shard_capacity_) evict_one(shard);
    const auto inserted = shard.nodes.try_emplace(Key(key), std::move(value), cost).first;
    // Keys of a node-based map keep their address until they are erased.
    inserted->second.place = shard.order.insert(shard.order.end(), &inserted->first);
    shard.cost += cost;
  }

  void erase(const View& key) {
    Shard& shard = shard_of(key);
    const WriterLock lock(shard.mutex);
    remove(shard, key);
  }

 private:
  static constexpr std::size_t shard_count = 16;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const View& key) const { return std::hash<View>{}(key); }
    template <typename Other = Key>
    requires(!std::is_same_v<Other, View>) std::size_t operator()(const Other& key) const {
      return std::hash<View>{}(View(key));
    }
  };
  struct Node {
    Node(Value v, std::size_t c) : value(std::move(v)), cost(c) {}
    Value value;
    std::size_t cost;
    mutable std::atomic<bool> used{false};
    typename std::list<const Key*>::iterator place;
  };
  struct Shard {
    mutable SharedMutex mutex;
    // Node::used is changed under a shared lock.
    std::unordered_map<Key, Node, Hash, std::equal_to<>> nodes GUARDED_BY(mutex);
    std::list<const Key*> order GUARDED_BY(mutex);  // front: the next candidate for eviction
    std::size_t cost GUARDED_BY(mutex) = 0;
  };

  std::size_t shard_index(const View& key) const {
    // The low bits select the bucket inside the shard, so the shard is selected by high bits.
    return (Hash{}(key) >> 48) % shard_count;
  }
  Shard& shard_of(const View& key) { return shards_[shard_index(key)]; }
  const Shard& shard_of(const View& key) const { return shards_[shard_index(key)]; }

  static void remove(Shard& shard, const View& key) REQUIRES(shard.mutex) {
    const auto found = shard.nodes.find(key);
    if (found == shard.nodes.end()) return;
    shard.cost -= found->second.cost;
    shard.order.erase(found->second.place);
    shard.nodes.erase(found);
  }

  static void evict_one(Shard& shard) REQUIRES(shard.mutex) {
    for (;;) {
      const auto node = shard.nodes.find(*shard.order.front());
      if (!node->second.used.exchange(false, std::memory_order_relaxed)) {
        shard.cost -= node->second.cost;
        shard.order.pop_front();
        shard.nodes.erase(node);
        return;
      }
      shard.order.splice(shard.order.end(), shard.order, shard.order.begin());
    }
  }

  const std::size_t shard_capacity_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace entrepot::cache
