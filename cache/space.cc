// SPDX-License-Identifier: Apache-2.0
#include "cache/space.h"

#include <algorithm>
#include <chrono>

#include "cache/shared.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// One blob may take a quarter of the cache: a larger one would push out too much for one pull.
constexpr std::uint64_t largest_part = 4;
/// Kept free by the background job: a fiftieth.
constexpr std::uint64_t headroom_part = 50;
/// Blobs that leave in one job of the pool, so that others have their turn.
constexpr int evictions_per_step = 64;
constexpr std::chrono::seconds distrust_for{30};

std::int64_t milliseconds(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

Space::Reservation::~Reservation() {
  space_.reserved_.fetch_sub(bytes_, std::memory_order_relaxed);
  space_.unwritten_.fetch_sub(bytes_ - written_, std::memory_order_relaxed);
  space_.files_.fetch_sub(1, std::memory_order_relaxed);
}

void Space::Reservation::wrote(std::uint64_t bytes) {
  bytes = std::min(bytes, bytes_ - written_);
  written_ += bytes;
  space_.unwritten_.fetch_sub(bytes, std::memory_order_relaxed);
}

std::uint64_t Space::used() const {
  return shared_.blobs.file_bytes() + shared_.partials.bytes() +
         reserved_.load(std::memory_order_relaxed) + index_bytes_.load(std::memory_order_relaxed);
}

Space::Room Space::reserve(std::uint64_t bytes) {
  if (bytes > shared_.options.max_size / largest_part) return {nullptr, "too-large"};
  if (distrusted()) return {nullptr, "disk-error"};
  bytes = Index::on_disk(bytes);
  if (!take(bytes)) return {nullptr, "disk-full"};
  files_.fetch_add(1, std::memory_order_relaxed);
  trim();
  return {std::make_unique<Reservation>(*this, bytes), {}};
}

bool Space::grow(Reservation& reservation, std::uint64_t bytes) {
  bytes = Index::on_disk(bytes);
  if (reservation.bytes_ + bytes > shared_.options.max_size / largest_part || !take(bytes))
    return false;
  reservation.bytes_ += bytes;
  return true;
}

bool Space::take(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  while (!has_room(bytes)) {
    if (evict_one("size") == 0) return false;
  }
  reserved_.fetch_add(bytes, std::memory_order_relaxed);
  unwritten_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

bool Space::has_room(std::uint64_t bytes) const {
  if (used() + bytes > shared_.options.max_size) return false;
  // What others reserved and have not written yet is still free for the file system.
  const auto taken = shared_.options.reserve_free + unwritten_.load(std::memory_order_relaxed);
  return shared_.files.free_bytes() >= taken + bytes;
}

std::uint64_t Space::evict_one(std::string_view reason) {
  if (const auto partial = shared_.partials.take_oldest()) {
    shared_.files.discard_fill(partial->digest);
    return std::max<std::uint64_t>(partial->size, 1);
  }
  const auto victim = shared_.blobs.evict(
      shared_.blobs.bytes(), [this](const Digest& digest) { return !shared_.files.reads(digest); });
  if (!victim) return 0;
  shared_.small_blobs.erase(victim->digest);
  // Gone from the index in memory first: a file that a crash leaves without its record, or the
  // reverse, is found and put right later; a hit on half of them is not.
  if (!victim->is_inline) shared_.files.remove_blob(victim->digest);
  shared_.index_writes.post([&shared = shared_, digest = victim->digest] {
    if (!shared.blobs.has(digest)) shared.rocks.erase_blob(digest);
  });
  shared_.metrics.cache_evictions(reason).add();
  shared_.metrics.cache_evicted_bytes().add(victim->size);
  if (!victim->is_inline) return Index::on_disk(victim->size);
  // RocksDB frees it later; until the next look it counts as free.
  const auto index = index_bytes_.load(std::memory_order_relaxed);
  index_bytes_.store(index - std::min(index, victim->size), std::memory_order_relaxed);
  return std::max<std::uint64_t>(victim->size, 1);
}

bool Space::make_room(std::uint64_t bytes) {
  std::uint64_t freed = 0;
  while (freed < bytes) {
    const auto more = evict_one("reserve");
    if (more == 0) break;
    freed += more;
  }
  return freed > 0;
}

void Space::distrust() {
  const auto until = milliseconds(shared_.clock.steady() + distrust_for);
  if (distrusted_until_.exchange(until, std::memory_order_relaxed) == 0) {
    log::error(
        "cache: the disk under {} fails; blobs are passed through without being kept, and "
        "writing is tried again every {} s",
        shared_.options.directory.string(), distrust_for.count());
  }
}

bool Space::distrusted() const {
  const auto until = distrusted_until_.load(std::memory_order_relaxed);
  return until != 0 && milliseconds(shared_.clock.steady()) < until;
}

void Space::trim() {
  if (has_room(shared_.options.max_size / headroom_part)) return;
  if (trimming_.exchange(true)) return;
  shared_.store.post([this] { trim_step(); });
}

void Space::trim_step() {
  measure_index();
  const auto wanted = shared_.options.max_size / headroom_part;
  for (int i = 0; i < evictions_per_step; ++i) {
    if (has_room(wanted) || evict_one("size") == 0) {
      trimming_ = false;
      shared_.update_gauges();
      return;
    }
  }
  shared_.store.post([this] { trim_step(); });
}

void Space::measure_index() {
  index_bytes_.store(shared_.files.index_bytes(), std::memory_order_relaxed);
}

}  // namespace entrepot::cache
