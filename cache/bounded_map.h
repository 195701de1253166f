// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace entrepot::cache {

/// A map in memory in front of the index on disk: bounded by the sum of its entries' costs,
/// sharded, with second-chance eviction. Losing an entry costs a look-up on disk, nothing else. Any
/// thread; a find costs one shared lock of one shard and one relaxed store.
///
/// `View` is what keys are looked up by (a string_view for strings), so that a find allocates
/// nothing.
template <typename Key, typename View, typename Value>
class BoundedMap {
 public:
  /// `capacity`: the sum of costs kept, over all shards.
  explicit BoundedMap(std::size_t capacity) : shard_capacity_(capacity / shard_count + 1) {}

  std::optional<Value> find(const View& key) const {
    const Shard& shard = shard_of(key);
    const std::shared_lock lock(shard.mutex);
    const auto found = shard.nodes.find(key);
    if (found == shard.nodes.end()) return std::nullopt;
    found->second.used.store(true, std::memory_order_relaxed);
    return found->second.value;
  }

  /// Inserts or replaces. An entry that costs more than a shard may hold is not kept.
  void put(const View& key, Value value, std::size_t cost = 1) {
    Shard& shard = shard_of(key);
    const std::unique_lock lock(shard.mutex);
    remove(shard, key);
    if (cost > shard_capacity_) return;
    while (shard.cost + cost > shard_capacity_) evict_one(shard);
    const auto inserted = shard.nodes.try_emplace(Key(key), std::move(value), cost).first;
    // Keys of a node-based map keep their address for as long as they are in it.
    inserted->second.place = shard.order.insert(shard.order.end(), &inserted->first);
    shard.cost += cost;
  }

  void erase(const View& key) {
    Shard& shard = shard_of(key);
    const std::unique_lock lock(shard.mutex);
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
    mutable std::shared_mutex mutex;
    // All guarded by mutex, but for Node::used.
    std::unordered_map<Key, Node, Hash, std::equal_to<>> nodes;
    std::list<const Key*> order;  // front: next to be looked at by eviction
    std::size_t cost = 0;
  };

  std::size_t shard_index(const View& key) const {
    // The low bits choose the bucket inside the shard, so the shard takes high ones.
    return (Hash{}(key) >> 48) % shard_count;
  }
  Shard& shard_of(const View& key) { return shards_[shard_index(key)]; }
  const Shard& shard_of(const View& key) const { return shards_[shard_index(key)]; }

  static void remove(Shard& shard, const View& key) {
    const auto found = shard.nodes.find(key);
    if (found == shard.nodes.end()) return;
    shard.cost -= found->second.cost;
    shard.order.erase(found->second.place);
    shard.nodes.erase(found);
  }

  static void evict_one(Shard& shard) {
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
