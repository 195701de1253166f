// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "metrics/handles.h"
#include "proxy/http/client/pace.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

/// The reservations of one reply at the Pace of its client: at most one at a time, and a timer
/// until its departure. The destructor gives back what was reserved and not sent. Loop thread only.
class PacedReply {
 public:
  /// `pace` and `loop` outlive this. `wake` is called at a departure. `delayed` counts the reply
  /// when it has to wait for the first time.
  PacedReply(Pace& pace, loop::Loop& loop, std::function<void()> wake,
             const metrics::Counter* delayed);
  ~PacedReply();
  PacedReply(const PacedReply&) = delete;
  PacedReply& operator=(const PacedReply&) = delete;

  /// Reserves `bytes`, unless there is a reservation, and returns the bytes that may be sent now: 0
  /// until `wake` is called, then those that are reserved.
  std::uint64_t allow(std::uint64_t bytes);
  /// As allow(), for a part of a body of which `left` bytes are left.
  std::uint64_t allow_part(std::uint64_t left);
  /// `bytes` of those that were allowed have been sent.
  void sent(std::uint64_t bytes);
  /// `bytes` that counted as sent have not been, and may be sent without another reservation.
  void unsent(std::uint64_t bytes) { reserved_ += bytes; }
  /// Counts bytes that are sent at once; those after them wait for their time.
  void count(std::uint64_t bytes) { pace_.reserve(bytes, Pace::Clock::now()); }

 private:
  Pace& pace_;
  loop::Loop& loop_;
  const std::function<void()> wake_;
  const metrics::Counter* delayed_;  // null once the reply is counted
  std::uint64_t reserved_ = 0;
  bool waits_ = false;
  std::unique_ptr<loop::Loop::Timer> departure_;
};

}  // namespace entrepot::http
