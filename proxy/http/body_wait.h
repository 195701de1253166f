// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "metrics/access_log.h"

namespace entrepot::http {

/// A cause for which the sending of a reply waits.
enum class BodyWait { client, pace, disk, upstream };

/// Measures these waits of one reply. The clock is read only when a reply waits, so that one which
/// the kernel takes at once costs nothing. One thread.
class WaitMeter {
 public:
  using Clock = std::chrono::steady_clock;

  void begin(BodyWait what) {
    what_ = what;
    since_ = Clock::now();
  }
  /// Does nothing without begin().
  void end() {
    if (since_) part(what_) += Clock::now() - *std::exchange(since_, std::nullopt);
  }
  /// The waits that have ended.
  const log::ReplyWaits& waits() const { return waits_; }

 private:
  std::chrono::nanoseconds& part(BodyWait what) {
    switch (what) {
      case BodyWait::client:
        return waits_.client;
      case BodyWait::pace:
        return waits_.pace;
      case BodyWait::disk:
        return waits_.disk;
      case BodyWait::upstream:
        break;
    }
    return waits_.upstream;
  }

  BodyWait what_ = BodyWait::client;
  std::optional<Clock::time_point> since_;
  log::ReplyWaits waits_;
};

}  // namespace entrepot::http
