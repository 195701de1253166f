// SPDX-License-Identifier: Apache-2.0
#include "cache/index_room.h"

#include <algorithm>
#include <chrono>

#include "cache/shared.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

/// Of the cache: what logs and dead bytes may take before they are merged away. Merging costs the
/// less, for each byte that it frees, the more of them there are.
constexpr std::uint64_t allowance_part = 64;
constexpr std::uint64_t least_allowance = 256 << 10;
/// Of the cache, and at least so much: what they may take beyond that while the merging goes on.
/// Nothing is written to the index where it would be more.
constexpr std::uint64_t slack_part = 32;
constexpr std::uint64_t least_slack = 4 << 20;
/// Of the cache: written before the disk is asked again.
constexpr std::uint64_t unmeasured_part = 128;
/// After a merge that failed or did not help.
constexpr std::chrono::minutes rest_after_failure{1};

}  // namespace

std::uint64_t IndexRoom::allowance() const {
  return std::max(shared_.space.bound() / allowance_part, least_allowance);
}

std::uint64_t IndexRoom::live() const {
  return shared_.blobs.inline_bytes() + shared_.manifests.inline_bytes() +
         tables_.load(std::memory_order_relaxed);
}

std::uint64_t IndexRoom::erased() const {
  return shared_.blobs.inline_erased() + shared_.manifests.inline_erased();
}

std::uint64_t IndexRoom::dead() const {
  const auto before = erased_before_.load(std::memory_order_relaxed);
  return dead_before_.load(std::memory_order_relaxed) + erased() - std::min(erased(), before);
}

std::uint64_t IndexRoom::on_disk() const {
  return measured_.load(std::memory_order_relaxed) + written_.load(std::memory_order_relaxed);
}

std::uint64_t IndexRoom::claimed() const {
  return shared_.loaded ? live() + allowance() : on_disk();
}

bool IndexRoom::takes(std::uint64_t bytes) {
  if (written_.fetch_add(bytes, std::memory_order_relaxed) > shared_.max_size / unmeasured_part)
    measure();
  const auto slack = std::max(shared_.space.bound() / slack_part, least_slack);
  if (!shared_.loaded || on_disk() + bytes <= live() + allowance() + slack) return true;
  measure();
  return on_disk() + bytes <= live() + allowance() + slack;
}

void IndexRoom::measure() {
  tables_.store(shared_.rocks.table_bytes(), std::memory_order_relaxed);
  const auto bytes = shared_.disk.index_bytes();
  // What was measured before is nearer to it than a part.
  if (!bytes) return shared_.metrics.disk_errors("read").add();
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
  if (!shared_.loaded || dead() < allowance()) return;
  if (shared_.clock.steady() < rests_until_.load(std::memory_order_relaxed)) return;
  if (compacting_.exchange(true)) return;
  // Behind the erasures that are counted already and not written yet, and not in their place:
  // other writes go on meanwhile.
  shared_.index_writes.post([this, erased = erased()] {
    shared_.store.post([this, erased] {
      compact(erased);
      compacting_ = false;
      shared_.update_gauges();
    });
  });
}

void IndexRoom::compact(std::uint64_t erased) {
  if (shared_.stopping || !shared_.rocks.takes_writes()) return;
  const auto left = shared_.rocks.compact(allowance() / 2, shared_.stopping);
  // Where it did not help, the next object that leaves is no reason to try again.
  if (!left || *left >= allowance())
    rests_until_.store(shared_.clock.steady() + rest_after_failure, std::memory_order_relaxed);
  if (left) {
    dead_before_.store(*left, std::memory_order_relaxed);
    erased_before_.store(erased, std::memory_order_relaxed);
    shared_.metrics.index_compactions().add();
  } else if (!shared_.stopping) {
    log::warn("index: what was erased could not be merged away; tried again in {} s",
              std::chrono::seconds(rest_after_failure).count());
  }
  measure();
}

}  // namespace entrepot::cache
