// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "cache/executor.h"
#include "cache/scrub.h"
#include "cache/shared.h"

namespace entrepot::cache {

/// What the cache does by the clock: gauges, notes for the next process, the scrub, forgetting what
/// nothing needs any more, and looking whether a disk that failed works again. Timers on one home's
/// loop, work on the store pool.
class Upkeep {
 public:
  /// `restart` is called once, on the store pool, when only another process can use the directory
  /// again: the index was given up after a failed write and the disk works now, or it was removed.
  /// `load` is called, on the store pool, for as long as the index was not loaded whole.
  Upkeep(Shared& shared, Scrub& scrub, Executor& home, std::function<void()> load,
         std::function<void()> restart);

  /// Any thread.
  void start();
  /// On the home's loop.
  void stop() { timer_.reset(); }

 private:
  void tick();
  /// On the store pool, one after the other.
  void measure();
  void work(unsigned second);
  void look_at_disk(unsigned second);

  Shared& shared_;
  Scrub& scrub_;
  Executor& home_;
  const std::function<void()> load_;
  const std::function<void()> restart_;

  // The home only.
  std::unique_ptr<Timer> timer_;
  unsigned seconds_ = 0;

  std::atomic<bool> working_{false};
  // The working job only.
  bool restart_asked_ = false;
  int failed_recoveries_ = 0;
};

}  // namespace entrepot::cache
