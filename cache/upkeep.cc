// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep.h"

#include <utility>

#include "cache/loading.h"
#include "cache/sweep.h"
#include "metrics/exception.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

// In seconds.
constexpr unsigned gauges_every = 5;
constexpr unsigned alive_every = 60;
constexpr unsigned sweep_every = 6 * 3600;
constexpr unsigned first_sweep_after = 600;
constexpr unsigned restart_after = 15;

/// How often the index is asked to go on while there is room for it.
constexpr int recoveries = 3;

}  // namespace

Upkeep::Upkeep(Shared& shared, Scrub& scrub, Executor& home, std::function<void()> load,
               std::function<void()> restart)
    : shared_(shared),
      scrub_(scrub),
      home_(home),
      load_(std::move(load)),
      restart_(std::move(restart)) {}

void Upkeep::start() {
  home_.post([this] { tick(); });
}

void Upkeep::tick() {
  timer_ = home_.after(std::chrono::seconds(1), [this] { tick(); });
  shared_.tell_time();
  const unsigned second = seconds_++;
  if (second > 0) scrub_.tick();  // the start has enough to do
  // Behind a disk that hangs, one job waits and not one for each second.
  if (second % gauges_every != 0 || working_.exchange(true)) return;
  shared_.store.post(
      [this, second] { run_then([this, second] { work(second); }, [this] { working_ = false; }); });
}

/// Not for each object that is stored: the disk is asked, and RocksDB's mutex is taken.
void Upkeep::measure() {
  const auto& metrics = shared_.metrics;
  metrics.disk_free_bytes().set(static_cast<double>(shared_.disk.free_bytes()));
  metrics.disk_reserve_bytes().set(static_cast<double>(shared_.reserve_free));
  metrics.index_memory_bytes().set(static_cast<double>(shared_.rocks.memory_bytes()));
}

void Upkeep::work(unsigned second) {
  if (shared_.stopping) return;
  measure();
  look_at_disk(second);
  if (!shared_.loaded && second > 0 && shared_.load_failed.exchange(false)) load_();
  shared_.space.index().measure();
  shared_.space.index().compact_if_due();
  shared_.space.trim();
  shared_.update_gauges();
  if (!shared_.rocks.takes_writes()) return;
  if (second % alive_every == 0) {
    Loading::note_alive(shared_);
    trim_links(shared_);
  }
  if (second % sweep_every == first_sweep_after) sweep(shared_);
}

void Upkeep::look_at_disk(unsigned second) {
  if (shared_.rocks.recover())
    failed_recoveries_ = 0;
  else if (shared_.disk.takes_writes(shared_.rocks.room_to_open()) &&
           ++failed_recoveries_ >= recoveries)
    shared_.rocks.give_up();
  if (!restart_asked_ && !shared_.disk.has_index()) {
    restart_asked_ = true;
    log::error(
        "cache: the index in {} was removed under this process, which ends in order to be "
        "started anew",
        shared_.options.directory.string());
    return restart_();
  }
  // A process that asks for the next one too soon would only hand its trouble on.
  if (shared_.rocks.healthy() || restart_asked_ || second < restart_after ||
      !shared_.disk.takes_writes(shared_.rocks.room_to_open()))
    return;
  restart_asked_ = true;
  log::error(
      "cache: the index was given up after a failed write, and the disk takes writes again: this "
      "process ends in order to be started anew");
  restart_();
}

}  // namespace entrepot::cache
