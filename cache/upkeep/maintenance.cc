// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/maintenance.h"

#include <string>
#include <utility>

#include "cache/upkeep/startup.h"
#include "cache/upkeep/sweep.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

// In seconds.
constexpr unsigned gauges_every = 5;
constexpr unsigned alive_every = 60;
constexpr unsigned report_every = 60;
constexpr unsigned sweep_every = 6 * 3600;
constexpr unsigned first_sweep_after = 600;
constexpr unsigned restart_after = 15;

/// Number of attempts to resume the index when the disk has space.
constexpr int recoveries = 3;

}  // namespace

Maintenance::Maintenance(Storage& storage, Scrub& scrub, Executor& home, std::function<void()> load,
                         std::function<void()> restart)
    : storage_(storage),
      scrub_(scrub),
      home_(home),
      load_(std::move(load)),
      restart_(std::move(restart)) {}

void Maintenance::start() {
  home_.post([this] { tick(); });
}

void Maintenance::tick() {
  timer_ = home_.after(std::chrono::seconds(1), [this] { tick(); });
  storage_.store.set_time(storage_.environment.clock.wall());
  const unsigned second = seconds_++;
  if (second > 0) scrub_.tick();  // Starting up has priority.
  // Behind a disk that hangs, only one job waits instead of one per second.
  if (second % gauges_every != 0 || working_.exchange(true)) return;
  storage_.environment.store_pool.post(
      [this, second] { run_then([this, second] { work(second); }, [this] { working_ = false; }); });
}

/// Runs periodically rather than per stored object, because it queries the disk and takes RocksDB's
/// mutex.
void Maintenance::measure() {
  const auto& metrics = storage_.environment.metrics;
  metrics.disk().free_bytes().set(static_cast<double>(storage_.disk.free_bytes()));
  metrics.disk().reserve_bytes().set(static_cast<double>(storage_.limits.reserve_free));
  metrics.disk().index_memory_bytes().set(
      static_cast<double>(storage_.rocks.usage().memory_bytes()));
}

/// The disk grows, other programs fill it, and a reload gives other sizes.
void Maintenance::look_for_room() {
  if (storage_.limits.follow(storage_.disk.total_bytes())) storage_.budget.publish_bound();
  const auto numbers = storage_.budget.numbers();
  const auto reason = no_room(numbers);
  const auto& cache = storage_.environment.metrics.cache();
  for (std::size_t i = 0; i < metrics::count_of<metrics::NoRoom>; ++i)
    cache.no_room(static_cast<metrics::NoRoom>(i))
        .set(reason && static_cast<std::size_t>(*reason) == i ? 1 : 0);
  if (reason == no_room_) return;
  no_room_ = reason;
  const auto& directory = storage_.options.directory;
  if (reason)
    log::error("cache: {}. Pulls go on, each from its registry",
               no_room_text(*reason, numbers, directory));
  else
    log::info("cache: there is room in {} again", directory.string());
}

void Maintenance::work(unsigned second) {
  if (storage_.lifecycle.stopping) return;
  measure();
  look_for_room();
  check_disk(second);
  if (!storage_.lifecycle.loaded && second > 0 && storage_.lifecycle.load_failed.exchange(false))
    load_();
  storage_.index_room.measure();
  storage_.index_room.compact_if_due();
  storage_.budget.trim();
  storage_.budget.publish_gauges();
  if (second % report_every == 0)
    for (const std::string& line : storage_.evictor.report().take()) log::info("cache: {}", line);
  if (!storage_.rocks.health().accepts_writes()) return;
  if (second % alive_every == 0) {
    Startup::note_alive(storage_);
    trim_links(storage_);
  }
  if (second % sweep_every == first_sweep_after) sweep(storage_);
}

void Maintenance::check_disk(unsigned second) {
  if (storage_.rocks.health().recover())
    failed_recoveries_ = 0;
  else if (storage_.disk.accepts_writes(storage_.rocks.usage().space_to_open()) &&
           ++failed_recoveries_ >= recoveries)
    storage_.rocks.health().fail_permanently();
  if (!restart_requested_ && !storage_.disk.has_index()) {
    restart_requested_ = true;
    log::error(
        "cache: another program removed the index in {}: this process ends, so that the service "
        "manager restarts it",
        storage_.options.directory.string());
    return restart_();
  }
  // An immediate restart would only repeat the failure.
  if (storage_.rocks.health().healthy() || restart_requested_ || second < restart_after ||
      !storage_.disk.accepts_writes(storage_.rocks.usage().space_to_open()))
    return;
  restart_requested_ = true;
  log::error(
      "cache: the index was closed after a failed write, and the disk accepts writes again: this "
      "process ends, so that the service manager restarts it");
  restart_();
}

}  // namespace entrepot::cache
