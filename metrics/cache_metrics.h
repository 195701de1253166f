// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "metrics/handles.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace entrepot::metrics {

class Exposition;

/// Series of the cache: its content and its upkeep.
class CacheMetrics {
 public:
  CacheMetrics();

  Gauge bytes() const;
  Gauge max_bytes() const;
  Gauge objects(StoredKind kind) const;
  Gauge no_room(NoRoom reason) const;  ///< 1 while it is so
  Counter evictions(EvictionReason reason) const;
  Counter evicted_bytes() const;
  Counter bypass(BypassReason reason) const;
  Counter fills_resumed() const;
  Counter repeated_reads() const;
  Counter scrubbed_bytes() const;
  Gauge scrub_progress() const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

/// Series of the cache directory: its file system and its index.
class DiskMetrics {
 public:
  DiskMetrics();

  Gauge free_bytes() const;
  Gauge reserve_bytes() const;
  Counter errors(DiskOperation operation) const;
  Gauge index_memory_bytes() const;
  Gauge index_live_bytes() const;
  Gauge index_dead_bytes() const;
  Counter index_compactions() const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

}  // namespace entrepot::metrics
