// SPDX-License-Identifier: Apache-2.0
#include "cache/space/disk_budget.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/index/stored_size.h"
#include "metrics/exception.h"
#include "metrics/log.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

/// One blob may use at most a quarter of the cache: a larger one would evict too much for one pull.
constexpr std::uint64_t max_blob_part = 4;
/// The smallest and the largest step of a reservation in bytes; the divisor of the arrived bytes
/// that gives a step: what many unfinished fills have reserved ahead is little of what they hold;
/// and the divisor of the cache size that bounds a step (below the size that the background job
/// keeps free).
constexpr std::uint64_t min_step = 64 << 10, max_step = 64 << 20;
constexpr std::uint64_t arrived_part = 4;
constexpr std::uint64_t steps = 128;
/// The background job keeps 1/100 of the cache free.
constexpr std::uint64_t headroom_part = 100;
/// Maximum number of evictions under one lock; other threads proceed after it.
constexpr int evictions_at_once = 64;
/// Below the first number of free inodes blobs are evicted. Below the second no new file is stored,
/// so that RocksDB can continue.
constexpr std::uint64_t min_free_inodes = 64;
constexpr std::uint64_t reserved_inodes = 16;
/// Blobs are evicted for inodes only if the cache uses at least this part (1/8) of all inodes.
constexpr std::uint64_t inodes_part = 8;

/// The reason for which a file has no room: `otherwise`, unless nothing has any.
DiskBudget::Room refused(const DiskBudget& budget, BypassReason otherwise) {
  return {nullptr, no_room(budget.numbers()) ? BypassReason::no_room : otherwise};
}

}  // namespace

DiskBudget::DiskBudget(const Environment& environment, const Disk& disk, BlobStore& store,
                       const BlobFiles& files, DiskHealth& health, IndexRoom& index_room,
                       Evictor& evictor)
    : environment_(environment),
      disk_(disk),
      store_(store),
      files_(files),
      health_(health),
      index_room_(index_room),
      evictor_(evictor) {}

DiskBudget::Reservation::~Reservation() {
  budget_.reserved_.fetch_sub(bytes_, std::memory_order_relaxed);
  budget_.unwritten_.fetch_sub(bytes_ - written_, std::memory_order_relaxed);
  budget_.promised_.fetch_sub(promised_, std::memory_order_relaxed);
  budget_.files_reserved_.fetch_sub(1, std::memory_order_relaxed);
}

void DiskBudget::Reservation::wrote(std::uint64_t bytes) {
  bytes = std::min(bytes, bytes_ - written_);
  written_ += bytes;
  budget_.unwritten_.fetch_sub(bytes, std::memory_order_relaxed);
  if (promised_ > 0)
    budget_.promised_.fetch_sub(std::exchange(promised_, 0), std::memory_order_relaxed);
}

std::uint64_t DiskBudget::used() const { return in_files() + index_room_.on_disk(); }

std::uint64_t DiskBudget::in_files() const {
  const Lifecycle& lifecycle = environment_.lifecycle;
  const auto known = store_.blobs().file_bytes();
  const auto blobs = lifecycle.loaded
                         ? known
                         : std::max(known, lifecycle.bytes_before + lifecycle.bytes_since.load());
  return blobs + store_.partials().bytes() + files_.quarantined().bytes() +
         reserved_.load(std::memory_order_relaxed);
}

DiskBudget::Room DiskBudget::reserve(std::uint64_t bytes, std::uint64_t present) {
  return reserve_among(Candidates::all, bytes, present);
}

DiskBudget::Room DiskBudget::reserve_among(Candidates among, std::uint64_t bytes,
                                           std::uint64_t present) {
  if (bytes <= present) {  // all bytes are on disk already: nothing to write or to evict
    reserved_.fetch_add(bytes, std::memory_order_relaxed);
    files_reserved_.fetch_add(1, std::memory_order_relaxed);
    return {std::make_unique<Reservation>(*this, bytes, bytes), {}};
  }
  if (bytes > environment_.limits.max_size / max_blob_part)
    return refused(*this, BypassReason::too_large);
  if (health_.distrusted()) return {nullptr, BypassReason::disk_error};
  if (!environment_.rocks.health().accepts_writes()) return {nullptr, BypassReason::index};
  if (!inode_left()) return {nullptr, BypassReason::inodes};
  bytes = size_on_disk(bytes);
  present = std::min(present, bytes);
  if (!take(bytes, present, among)) {
    trim();
    const bool too_large = bytes - present > reachable_size() && !crowded();
    return refused(*this, too_large ? BypassReason::too_large : BypassReason::disk_full);
  }
  files_reserved_.fetch_add(1, std::memory_order_relaxed);
  auto reservation = std::make_unique<Reservation>(*this, bytes, present);
  if (among == Candidates::probation) {
    reservation->promised_ = bytes - present;
    promised_.fetch_add(bytes - present, std::memory_order_relaxed);
  }
  trim();
  return {std::move(reservation), {}};
}

DiskBudget::Room DiskBudget::reserve_first(std::uint64_t announced, std::uint64_t present) {
  const auto first = std::min(announced, present + min_step);
  if (first == announced || may_hold(announced))
    return reserve_among(Candidates::probation, first, present);
  const bool too_large = announced > environment_.limits.max_size / max_blob_part || !crowded();
  return refused(*this, too_large ? BypassReason::too_large : BypassReason::disk_full);
}

Numbers DiskBudget::numbers() const {
  return {.total = disk_.total_bytes(),
          .free = disk_.free_bytes(),
          .used = in_files(),
          .max_size = environment_.limits.max_size,
          .reserve_free = environment_.limits.reserve_free};
}

std::uint64_t DiskBudget::step(std::uint64_t arrived) const {
  const auto part = environment_.limits.max_size / steps;
  return std::clamp(arrived / arrived_part, min_step, std::max(std::min(part, max_step), min_step));
}

bool DiskBudget::may_hold(std::uint64_t bytes) const {
  return bytes <= environment_.limits.max_size / max_blob_part && bytes <= reachable_size();
}

DiskBudget::Room DiskBudget::reserve_in_index(std::uint64_t bytes) {
  if (index_room_.can_write(bytes)) return reserve(bytes);
  index_room_.compact_if_due();
  return {nullptr, BypassReason::index};
}

bool DiskBudget::inode_left() {
  auto inodes = disk_.inodes();
  // If other programs used up the inodes, evicting blobs would only give them more.
  const auto files = store_.blobs().count() + store_.partials().count();
  const bool ours = environment_.lifecycle.loaded && files >= inodes.total / inodes_part;
  for (int i = 0; ours && i < evictions_at_once && inodes.available < min_free_inodes; ++i) {
    if (evictor_.evict_blob(EvictionReason::reserve) == 0 && evictor_.evict_partial() == 0) break;
    inodes = disk_.inodes();
  }
  return inodes.available >= reserved_inodes;
}

bool DiskBudget::grow(Reservation& reservation, std::uint64_t bytes) {
  bytes = size_on_disk(bytes);
  if (reservation.bytes_ + bytes > environment_.limits.max_size / max_blob_part) return false;
  const bool taken = take(bytes);
  if (taken) reservation.bytes_ += bytes;
  trim();
  return taken;
}

bool DiskBudget::take(std::uint64_t bytes, std::uint64_t present, Candidates among) {
  const MutexLock lock(mutex_);
  // Evicted bytes count as free immediately, because some file systems report them seconds later.
  std::uint64_t freed = 0;
  // The next process counts the bytes of the directory; a file that grows here goes on growing.
  const auto [needed, reason] = files_.released() ? Missing{} : missing(bytes, present);
  // Evict nothing for a file that would not fit even then.
  if (needed > 0 && bytes - present > reachable_size()) return false;
  for (int i = 0; freed < needed; ++i) {
    const auto more = i < evictions_at_once ? evictor_.evict_one(reason, among) : 0;
    if (more == 0) return false;
    freed += more;
  }
  reserved_.fetch_add(bytes, std::memory_order_relaxed);
  unwritten_.fetch_add(bytes - present, std::memory_order_relaxed);
  return true;
}

DiskBudget::Missing DiskBudget::missing(std::uint64_t bytes, std::uint64_t present) const {
  const auto beyond = [](std::uint64_t value, std::uint64_t bound) {
    return value - std::min(value, bound);
  };
  const Limits& limits = environment_.limits;
  // The file system reports reserved bytes as free until they are written.
  const auto taken = limits.reserve_free + unwritten_.load(std::memory_order_relaxed);
  const auto claimed = index_room_.claimed();
  const auto size = beyond(in_files() + claimed + bytes, limits.max_size);
  // Dead bytes of RocksDB beyond the allowance are being merged away.
  const auto allowance = beyond(claimed, index_room_.live());
  const auto freed = index_room_.dead() < allowance ? 0 : index_room_.dead();
  const auto reserve = beyond(beyond(taken + bytes - present, freed), disk_.free_bytes());
  return reserve > size ? Missing{reserve, EvictionReason::reserve}
                        : Missing{size, EvictionReason::size};
}

std::uint64_t DiskBudget::reachable_size() const {
  const auto free = disk_.free_bytes();
  const auto ours = free - std::min(free, environment_.limits.reserve_free.load());
  const auto used_now = used();
  const std::uint64_t max_size = environment_.limits.max_size;
  return ours < max_size - std::min(used_now, max_size) ? used_now + ours : max_size;
}

bool DiskBudget::crowded() const {
  const auto all = disk_.total_bytes();
  const auto reachable = reachable_size();
  return reachable < (all - std::min(all, environment_.limits.reserve_free.load())) / 2 &&
         reachable < environment_.limits.max_size / 2;
}

bool DiskBudget::make_room(std::uint64_t bytes) {
  std::uint64_t freed = 0;
  while (freed < bytes) {
    const auto more = evictor_.evict_one(EvictionReason::reserve);
    if (more == 0) break;
    freed += more;
  }
  return freed > 0;
}

void DiskBudget::publish_bound() const {
  const std::uint64_t max_size = environment_.limits.max_size;
  const std::uint64_t reserved = environment_.limits.reserve_free;
  environment_.metrics.cache().max_bytes().set(static_cast<double>(bound()));
  if (bound() == max_size) return;
  log::warn(
      "cache.max_size is {} bytes, and the file system of {} has {} of which cache.reserve_free "
      "keeps {}: the cache will be smaller",
      max_size, environment_.options.directory.string(), disk_.total_bytes(), reserved);
}

void DiskBudget::publish_gauges() const {
  const metrics::Metrics& metrics = environment_.metrics;
  metrics.cache().bytes().set(static_cast<double>(used()));
  metrics.disk().index_live_bytes().set(static_cast<double>(index_room_.live()));
  metrics.disk().index_dead_bytes().set(static_cast<double>(index_room_.dead()));
  metrics.cache().objects(metrics::StoredKind::fill).set(static_cast<double>(reserved_files()));
  metrics.cache()
      .objects(metrics::StoredKind::blob)
      .set(static_cast<double>(store_.blobs().count()));
  metrics.cache()
      .objects(metrics::StoredKind::manifest)
      .set(static_cast<double>(store_.manifests().count()));
  metrics.cache()
      .objects(metrics::StoredKind::tag)
      .set(static_cast<double>(environment_.rocks.usage().tags()));
}

std::uint64_t DiskBudget::headroom() const {
  const auto all = reachable_size() / headroom_part;
  return all - std::min(all, promised_.load(std::memory_order_relaxed));
}

void DiskBudget::trim() {
  if (missing(headroom()).bytes == 0 || trimming_.exchange(true)) return;
  environment_.store_pool.post([this] {
    run_or(
        [this] {
          const auto remaining = missing(headroom());
          if (remaining.bytes > 0 && remaining.reason == EvictionReason::reserve) warn_if_crowded();
          trim_step(remaining);
        },
        [this] { trimming_ = false; });
  });
}

void DiskBudget::trim_step(Missing remaining) {
  const auto& stopping = environment_.lifecycle.stopping;
  for (int i = 0; i < evictions_at_once && remaining.bytes > 0 && !stopping; ++i) {
    const auto freed = evictor_.evict_one(remaining.reason);
    remaining.bytes = freed == 0 ? 0 : remaining.bytes - std::min(remaining.bytes, freed);
  }
  if (remaining.bytes > 0 && !stopping)
    return environment_.store_pool.post([this, remaining] {
      run_or([&] { trim_step(remaining); }, [this] { trimming_ = false; });
    });
  trimming_ = false;
  publish_gauges();
}

void DiskBudget::warn_if_crowded() {
  if (bound() < environment_.limits.max_size) return;  // publish_bound() has logged a warning
  const auto now = environment_.clock.steady();
  auto before = crowded_warned_at_.load(std::memory_order_relaxed);
  if (before != SteadyTime{} && now - before < std::chrono::hours(1)) return;
  if (!crowded_warned_at_.compare_exchange_strong(before, now)) return;
  log::warn(
      "cache: the file system of {} has {} bytes free, and cache.reserve_free is {}: other "
      "programs "
      "have taken the rest, and cached blobs are evicted for it. Give the cache a disk of its own, "
      "or lower cache.max_size",
      environment_.options.directory.string(), disk_.free_bytes(),
      environment_.limits.reserve_free.load());
}

}  // namespace entrepot::cache
