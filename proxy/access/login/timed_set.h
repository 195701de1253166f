// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "metrics/mutex.h"
#include "proxy/access/login/keyed_hash.h"

namespace entrepot::access {

/// A set of keyed hashes, each of which leaves it after a lifetime. It has a fixed size: a new hash
/// replaces the one with the shortest remaining time among the four of its bucket. Thread-safe; the
/// hashes are spread over 16 locks.
class TimedSet {
 public:
  using Clock = std::chrono::steady_clock;
  using Key = KeyedHash::Value;

  /// `capacity` is rounded down to a power of two, and up to 64; an entry takes 24 bytes.
  TimedSet(std::size_t capacity, Clock::duration lifetime);

  bool contains(const Key& key, Clock::time_point now) const;
  /// Begins the lifetime of `key`, again if the set contains it.
  void insert(const Key& key, Clock::time_point now);

 private:
  static constexpr std::size_t shard_count = 16;
  static constexpr std::size_t ways = 4;

  struct Entry {
    Key key{};
    Clock::time_point end = Clock::time_point::min();  // min: never used
  };
  using Bucket = std::array<Entry, ways>;
  struct Shard {
    mutable Mutex mutex;
    std::vector<Bucket> buckets GUARDED_BY(mutex);
  };

  Shard& shard_of(const Key& key) const { return shards_[key[0] % shard_count]; }
  std::size_t bucket_of(const Key& key) const { return key[1] % buckets_per_shard_; }

  const Clock::duration lifetime_;
  const std::size_t buckets_per_shard_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace entrepot::access
