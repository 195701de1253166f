// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/loop/loop.h"

namespace entrepot::app {

/// Says "alive" as long as every loop takes the jobs it is given. Each round posts one to every
/// loop; the last answer says it, at once. A loop that holds its thread keeps the round open: then
/// nothing is said until it answers, and the log names it.
class Watchdog {
 public:
  /// On `home`, which it watches by living there; a round begins now and every `interval`.
  /// `watched` (at least one, not `home`) and `home` outlive this.
  Watchdog(loop::Loop& home, std::vector<loop::Loop*> watched, std::chrono::milliseconds interval,
           std::function<void()> alive);
  /// Once the threads of all these loops have ended.
  ~Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void begin_round();
  void answered(const loop::Loop* loop);
  void name_the_silent() const;

  // Constant after construction.
  loop::Loop& home_;
  const std::vector<loop::Loop*> watched_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> alive_;

  // Home loop only.
  std::vector<const loop::Loop*> silent_;  // that have not answered in this round
  std::chrono::steady_clock::time_point asked_;
  std::unique_ptr<loop::Loop::Timer> timer_;
};

}  // namespace entrepot::app
