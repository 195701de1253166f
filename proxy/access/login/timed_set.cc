// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/timed_set.h"

#include <algorithm>
#include <bit>

namespace entrepot::access {

TimedSet::TimedSet(std::size_t capacity, Clock::duration lifetime)
    : lifetime_(lifetime),
      buckets_per_shard_(std::max<std::size_t>(std::bit_floor(capacity) / (shard_count * ways), 1)),
      shards_(std::make_unique<Shard[]>(shard_count)) {
  for (std::size_t i = 0; i < shard_count; ++i) {
    const MutexLock lock(shards_[i].mutex);
    shards_[i].buckets.resize(buckets_per_shard_);
  }
}

bool TimedSet::contains(const Key& key, Clock::time_point now) const {
  const Shard& shard = shard_of(key);
  const MutexLock lock(shard.mutex);
  const Bucket& bucket = shard.buckets[bucket_of(key)];
  return std::any_of(bucket.begin(), bucket.end(),
                     [&](const Entry& entry) { return entry.key == key && now < entry.end; });
}

void TimedSet::insert(const Key& key, Clock::time_point now) {
  Shard& shard = shard_of(key);
  const MutexLock lock(shard.mutex);
  Bucket& bucket = shard.buckets[bucket_of(key)];
  auto place = std::find_if(bucket.begin(), bucket.end(),
                            [&](const Entry& entry) { return entry.key == key; });
  if (place == bucket.end())
    place = std::min_element(bucket.begin(), bucket.end(),
                             [](const Entry& a, const Entry& b) { return a.end < b.end; });
  *place = {key, now + lifetime_};
}

}  // namespace entrepot::access
