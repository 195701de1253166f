// SPDX-License-Identifier: Apache-2.0
#include "cache/store/disk_health.h"

#include "metrics/log.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

/// Number of unreadable files within a minute that suspends writing.
constexpr int max_read_errors = 5;

}  // namespace

void DiskHealth::distrust() {
  const auto now = clock_.steady();
  const auto previous = distrusted_until_.exchange(now + distrust_for, std::memory_order_relaxed);
  if (previous >= now) return;
  log::error(
      "cache: the disk under {} failed; blobs are passed through without being stored. "
      "Retrying in {} s",
      directory_.string(), distrust_for.count());
}

bool DiskHealth::distrusted() const {
  const auto until = distrusted_until_.load(std::memory_order_relaxed);
  return until != SteadyTime{} && clock_.steady() < until;
}

void DiskHealth::count_read_error() {
  const MutexLock lock(mutex_);
  const auto now = clock_.steady();
  if (now - errors_from_ > std::chrono::minutes(1)) {
    errors_from_ = now;
    errors_ = 0;
  }
  if (++errors_ == max_read_errors) distrust();
}

}  // namespace entrepot::cache
