// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/loop/loop.h"

namespace entrepot::app {

/// Asks each loop once a second to do something, and counts how late it does (loop_lag); where the
/// whole process was held up, from when it should have asked. One that has not done it yet is not
/// asked again, so that a loop that hangs gathers no jobs.
class LoopLag {
 public:
  /// `home` (its loop asks the others) and `metrics` outlive it.
  LoopLag(loop::Loop& home, const metrics::Metrics& metrics) : home_(home), metrics_(metrics) {}
  LoopLag(const LoopLag&) = delete;
  LoopLag& operator=(const LoopLag&) = delete;

  /// Before begin(). `job`, if any, is what the loop does then.
  void watch(loop::Loop& loop, metrics::LoopRole role, loop::Job job = {});
  /// On `home`, or once its thread has ended.
  void begin();
  void end() { timer_.reset(); }

 private:
  struct Watched;

  void ask();
  void ask_later();

  loop::Loop& home_;
  const metrics::Metrics& metrics_;
  std::vector<std::shared_ptr<Watched>> watched_;  ///< constant once it has begun
  std::chrono::steady_clock::time_point due_;
  std::unique_ptr<loop::Loop::Timer> timer_;
};

}  // namespace entrepot::app
