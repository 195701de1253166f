// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "cache/base/executor.h"
#include "cache/space/storage.h"
#include "cache/upkeep/scrub.h"

namespace entrepot::cache {

/// Periodic work of the cache: gauges, notes for the next process, the scrub, the sweep of obsolete
/// records, and the recovery of a failed disk. Timers run on one home loop, work on the store pool.
class Maintenance {
 public:
  /// `restart` is called once, on the store pool, when only a new process can use the directory:
  /// the index was abandoned after a failed write and the disk works now, or the index was removed.
  /// `load` is called on the store pool until the index is loaded completely.
  Maintenance(Storage& storage, Scrub& scrub, Executor& home, std::function<void()> load,
              std::function<void()> restart);

  /// Any thread.
  void start();
  /// Call it on the home loop.
  void stop() { timer_.reset(); }

 private:
  void tick();
  /// On the store pool, one after another.
  void measure();
  /// Reports sizes that leave no room, and follows a file system that grows.
  void look_for_room();
  void work(unsigned second);
  void check_disk(unsigned second);

  Storage& storage_;
  Scrub& scrub_;
  Executor& home_;
  const std::function<void()> load_;
  const std::function<void()> restart_;

  // Home loop only.
  std::unique_ptr<Timer> timer_;
  unsigned seconds_ = 0;

  std::atomic<bool> working_{false};
  // Working job only.
  bool restart_requested_ = false;
  int failed_recoveries_ = 0;
  std::optional<metrics::NoRoom> no_room_;  // as reported
};

}  // namespace entrepot::cache
