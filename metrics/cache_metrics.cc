// SPDX-License-Identifier: Apache-2.0
#include "metrics/cache_metrics.h"

#include "metrics/exposition/exposition.h"
#include "metrics/exposition/series.h"

namespace entrepot::metrics {

struct CacheMetrics::Series {
  GaugeSeries bytes{0}, max_bytes{0}, scrub_progress{0};
  CounterSeries evicted_bytes{0}, fills_resumed{0}, repeated_reads{0}, scrubbed_bytes{0};
  EnumSeries<GaugeSeries, StoredKind> objects;
  EnumSeries<GaugeSeries, NoRoom> no_room;
  EnumSeries<CounterSeries, EvictionReason> evictions;
  EnumSeries<CounterSeries, BypassReason> bypass;
};

CacheMetrics::CacheMetrics() : series_(std::make_shared<Series>()) {}

void CacheMetrics::write(Exposition& out) const {
  out.add(Id::cache_bytes, {}, series_->bytes);
  out.add(Id::cache_max_bytes, {}, series_->max_bytes);
  out.add(Id::cache_evicted_bytes, {}, series_->evicted_bytes);
  out.add(Id::fills_resumed, {}, series_->fills_resumed);
  out.add(Id::repeated_reads, {}, series_->repeated_reads);
  out.add(Id::scrubbed_bytes, {}, series_->scrubbed_bytes);
  out.add(Id::scrub_progress, {}, series_->scrub_progress);
  out.add_each(Id::cache_objects, series_->objects);
  out.add_each(Id::cache_no_room, series_->no_room);
  out.add_each(Id::cache_evictions, series_->evictions);
  out.add_each(Id::bypass, series_->bypass);
}

Gauge CacheMetrics::bytes() const { return Gauge(&series_->bytes); }
Gauge CacheMetrics::max_bytes() const { return Gauge(&series_->max_bytes); }
Gauge CacheMetrics::objects(StoredKind kind) const { return Gauge(&series_->objects[kind]); }
Gauge CacheMetrics::no_room(NoRoom reason) const { return Gauge(&series_->no_room[reason]); }
Counter CacheMetrics::evictions(EvictionReason reason) const {
  return Counter(&series_->evictions[reason]);
}
Counter CacheMetrics::evicted_bytes() const { return Counter(&series_->evicted_bytes); }
Counter CacheMetrics::bypass(BypassReason reason) const {
  return Counter(&series_->bypass[reason]);
}
Counter CacheMetrics::fills_resumed() const { return Counter(&series_->fills_resumed); }
Counter CacheMetrics::repeated_reads() const { return Counter(&series_->repeated_reads); }
Counter CacheMetrics::scrubbed_bytes() const { return Counter(&series_->scrubbed_bytes); }
Gauge CacheMetrics::scrub_progress() const { return Gauge(&series_->scrub_progress); }

struct DiskMetrics::Series {
  GaugeSeries free_bytes{0}, reserve_bytes{0};
  GaugeSeries index_memory{0}, index_live{0}, index_dead{0};
  CounterSeries index_compactions{0};
  EnumSeries<CounterSeries, DiskOperation> errors;
};

DiskMetrics::DiskMetrics() : series_(std::make_shared<Series>()) {}

void DiskMetrics::write(Exposition& out) const {
  out.add(Id::disk_free_bytes, {}, series_->free_bytes);
  out.add(Id::disk_reserve_bytes, {}, series_->reserve_bytes);
  out.add(Id::index_memory_bytes, {}, series_->index_memory);
  out.add(Id::index_live_bytes, {}, series_->index_live);
  out.add(Id::index_dead_bytes, {}, series_->index_dead);
  out.add(Id::index_compactions, {}, series_->index_compactions);
  out.add_each(Id::disk_errors, series_->errors);
}

Gauge DiskMetrics::free_bytes() const { return Gauge(&series_->free_bytes); }
Gauge DiskMetrics::reserve_bytes() const { return Gauge(&series_->reserve_bytes); }
Counter DiskMetrics::errors(DiskOperation operation) const {
  return Counter(&series_->errors[operation]);
}
Gauge DiskMetrics::index_memory_bytes() const { return Gauge(&series_->index_memory); }
Gauge DiskMetrics::index_live_bytes() const { return Gauge(&series_->index_live); }
Gauge DiskMetrics::index_dead_bytes() const { return Gauge(&series_->index_dead); }
Counter DiskMetrics::index_compactions() const { return Counter(&series_->index_compactions); }

}  // namespace entrepot::metrics
