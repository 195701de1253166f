// SPDX-License-Identifier: Apache-2.0
#include "cache/index/index.h"

#include <limits>

#include "cache/index/stored_size.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

template <typename With>
void Index::with_entry(const Digest& digest, const With& with) const {
  const Shard& shard = shard_of(digest);
  const ReaderLock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found != shard.entries.end()) with(*found);
}

std::optional<Index::Stored> Index::find(const Digest& digest) const {
  std::optional<Stored> stored;
  with_entry(digest, [&](const Entry& entry) {
    const bool is_inline = entry.is(Entry::is_inline);
    const bool is_long_unread = !is_inline && unused_for(entry) >= long_unread;
    stored = {entry.size, is_inline, entry.is(Entry::doubtful) || is_long_unread, entry.origins};
  });
  return stored;
}

Index::Uses Index::uses(const Digest& digest) const {
  Uses found;
  with_entry(digest, [&](const Entry& entry) {
    found = {entry.hits.load(std::memory_order_relaxed), unused_for(entry)};
  });
  return found;
}

void Index::use(const Digest& digest) const {
  with_entry(digest, [this](const Entry& entry) {
    entry.use();
    const auto hits = entry.hits.load(std::memory_order_relaxed);
    if (hits < std::numeric_limits<std::uint16_t>::max())
      entry.hits.store(static_cast<std::uint16_t>(hits + 1), std::memory_order_relaxed);
    note_time(entry);
  });
}

void Index::trust(const Digest& digest) const {
  with_entry(digest, [this](const Entry& entry) {
    entry.flags.fetch_and(static_cast<std::uint8_t>(~Entry::doubtful), std::memory_order_relaxed);
    note_time(entry);
  });
}

void Index::doubt(const Digest& digest) const {
  with_entry(digest, [](const Entry& entry) {
    entry.flags.fetch_or(Entry::doubtful, std::memory_order_relaxed);
  });
}

/// Writes only if the time has changed, because frequently hit entries share cache lines between
/// cores.
void Index::note_time(const Entry& entry) const {
  const auto now = time_.load(std::memory_order_relaxed);
  if (entry.used_at.load(std::memory_order_relaxed) != now)
    entry.used_at.store(now, std::memory_order_relaxed);
}

/// REQUIRES: both locks are held and the digest is new.
Index::Entry& Index::add(Shard& shard, const Digest& digest, const Stored& stored) {
  static_assert(sizeof(Entry) <= 80, "there are millions of them");
  Entry& entry = changeable(*shard.entries.emplace(digest).first);
  entry.fingerprint = digest.hash();
  entry.size = stored.size;
  entry.used_at.store(time_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  set_flags(entry, stored);
  count(entry, true);
  return entry;
}

void Index::set_flags(Entry& entry, const Stored& stored) {
  entry.flags.store(static_cast<std::uint8_t>((stored.is_inline ? Entry::is_inline : 0) |
                                              (stored.doubtful ? Entry::doubtful : 0)),
                    std::memory_order_relaxed);
  entry.origins = stored.origins;
}

void Index::put(const Digest& digest, const Stored& stored) {
  const MutexLock changing(change_mutex_);
  Shard& shard = shard_of(digest);
  const WriterLock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return policy_.admit(add(shard, digest, stored));
  Entry& entry = changeable(*found);
  count(entry, false);
  set_flags(entry, stored);
  policy_.resize(entry, stored.size);
  count(entry, true);
}

void Index::restore(const Digest& digest, const Stored& stored) {
  const MutexLock changing(change_mutex_);
  Shard& shard = shard_of(digest);
  const WriterLock lock(shard.mutex);
  if (shard.entries.find(digest) == shard.entries.end())
    policy_.restore(add(shard, digest, stored));
}

bool Index::erase(const Digest& digest) {
  const MutexLock changing(change_mutex_);
  Shard& shard = shard_of(digest);
  const WriterLock lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return false;
  policy_.remove(changeable(*found));
  count(*found, false);
  shard.entries.erase(found);
  return true;
}

std::optional<Index::Victim> Index::evict(std::uint64_t capacity, const MayEvict& may_evict,
                                          Candidates among) {
  const MutexLock changing(change_mutex_);
  const auto* const evicted = static_cast<const Entry*>(policy_.evict(
      capacity,
      [this, &may_evict](const Resident& resident) {
        const auto& entry = static_cast<const Entry&>(resident);
        return may_evict(entry.digest.unpack(), unused_for(entry) <= lately);
      },
      among));
  if (evicted == nullptr) return std::nullopt;
  const Victim victim{evicted->digest.unpack(), evicted->size, evicted->is(Entry::is_inline)};
  Shard& shard = shard_of(victim.digest);
  const WriterLock lock(shard.mutex);
  count(*evicted, false);
  shard.entries.erase(shard.entries.find(victim.digest));
  return victim;
}

void Index::set_time(WallTime now) {
  time_.store(static_cast<std::uint16_t>(now.time_since_epoch() / time_step),
              std::memory_order_relaxed);
}

std::chrono::minutes Index::unused_for(const Entry& entry) const {
  const auto steps = static_cast<std::uint16_t>(time_.load(std::memory_order_relaxed) -
                                                entry.used_at.load(std::memory_order_relaxed));
  // Such a difference is negative: the clock was set back, by 42 days at most.
  constexpr std::uint16_t least_negative = 0xF000;
  return steps >= least_negative ? std::chrono::minutes(0) : time_step * steps;
}

void Index::count(const Entry& entry, bool added) {
  const auto change = [added](std::atomic<std::uint64_t>& sum, std::uint64_t by) {
    added ? sum.fetch_add(by, std::memory_order_relaxed)
          : sum.fetch_sub(by, std::memory_order_relaxed);
  };
  change(count_, 1);
  change(bytes_, entry.size);
  if (!entry.is(Entry::is_inline)) return change(file_bytes_, size_on_disk(entry.size));
  change(inline_bytes_, size_in_index(entry.size));
  if (!added) inline_erased_.fetch_add(size_in_index(entry.size), std::memory_order_relaxed);
}

}  // namespace entrepot::cache
