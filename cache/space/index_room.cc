// SPDX-License-Identifier: Apache-2.0
#include "cache/space/index_room.h"

#include <algorithm>
#include <chrono>

#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Divisor of the cache size for the logs and dead bytes that may exist before a merge. More dead
/// bytes mean less merge work per byte freed.
constexpr std::uint64_t allowance_part = 64;
constexpr std::uint64_t min_allowance = 256 << 10;
/// Divisor of the cache size, and the minimum in bytes, for the growth beyond the allowance during
/// a merge. Beyond that nothing is written to RocksDB.
constexpr std::uint64_t slack_part = 32;
constexpr std::uint64_t min_slack = 4 << 20;
/// Divisor of the cache size for the bytes written between two measurements.
constexpr std::uint64_t unmeasured_part = 128;
/// Pause after a merge that failed or freed too little.
constexpr std::chrono::minutes rest_after_failure{1};

}  // namespace

std::uint64_t IndexRoom::bound() const {
  return cache_bound(disk_bytes_.load(std::memory_order_relaxed), environment_.limits);
}

std::uint64_t IndexRoom::allowance() const {
  return std::max(bound() / allowance_part, min_allowance);
}

std::uint64_t IndexRoom::live() const {
  return store_.blobs().inline_bytes() + store_.manifests().inline_bytes() +
         tables_.load(std::memory_order_relaxed);
}

std::uint64_t IndexRoom::erased() const {
  return store_.blobs().inline_erased() + store_.manifests().inline_erased();
}

std::uint64_t IndexRoom::dead() const {
  const auto before = erased_before_.load(std::memory_order_relaxed);
  return dead_before_.load(std::memory_order_relaxed) + erased() - std::min(erased(), before);
}

std::uint64_t IndexRoom::on_disk() const {
  return measured_.load(std::memory_order_relaxed) + written_.load(std::memory_order_relaxed);
}

std::uint64_t IndexRoom::claimed() const {
  return environment_.lifecycle.loaded ? live() + allowance() : on_disk();
}

bool IndexRoom::can_write(std::uint64_t bytes) {
  if (written_.fetch_add(bytes, std::memory_order_relaxed) >
      environment_.limits.max_size / unmeasured_part)
    measure();
  const auto slack = std::max(bound() / slack_part, min_slack);
  if (!environment_.lifecycle.loaded || on_disk() + bytes <= live() + allowance() + slack)
    return true;
  measure();
  return on_disk() + bytes <= live() + allowance() + slack;
}

void IndexRoom::measure() {
  disk_bytes_.store(disk_.total_bytes(), std::memory_order_relaxed);
  tables_.store(environment_.rocks.usage().table_bytes(), std::memory_order_relaxed);
  const auto bytes = disk_.index_bytes();
  // The last measurement is a better estimate than a partial sum.
  if (!bytes) return environment_.metrics.disk().errors(metrics::DiskOperation::read).add();
  measured_.store(*bytes, std::memory_order_relaxed);
  written_.store(0, std::memory_order_relaxed);
}

void IndexRoom::loaded() {
  measure();
  dead_before_.store(on_disk() - std::min(on_disk(), live()), std::memory_order_relaxed);
  erased_before_.store(erased(), std::memory_order_relaxed);
  compact_if_due();
}

void IndexRoom::compact_if_due() {
  if (!environment_.lifecycle.loaded || dead() < allowance()) return;
  if (environment_.clock.steady() < rests_until_.load(std::memory_order_relaxed)) return;
  if (compacting_.exchange(true)) return;
  // Runs after the erasures that are counted but not written yet. The merge itself runs outside of
  // index_writes, so that other writes continue.
  environment_.index_writes.post([this, erased = erased()] {
    environment_.store_pool.post([this, erased] {
      compact(erased);
      compacting_ = false;
      compacted_();
    });
  });
}

void IndexRoom::compact(std::uint64_t erased) {
  if (environment_.lifecycle.stopping || !environment_.rocks.health().accepts_writes()) return;
  const auto left =
      environment_.rocks.usage().compact(allowance() / 2, environment_.lifecycle.stopping);
  // If the merge did not help, the next eviction must not start another one.
  if (!left || *left >= allowance())
    rests_until_.store(environment_.clock.steady() + rest_after_failure, std::memory_order_relaxed);
  if (left) {
    dead_before_.store(*left, std::memory_order_relaxed);
    erased_before_.store(erased, std::memory_order_relaxed);
    environment_.metrics.disk().index_compactions().add();
  } else if (!environment_.lifecycle.stopping) {
    log::warn("index: compaction failed; retrying in {} s",
              std::chrono::seconds(rest_after_failure).count());
  }
  measure();
}

}  // namespace entrepot::cache
