// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace entrepot::upstream {

/// When questions may be put, by what they were refused with (429).
///
///   open   --close_until()-->  closed   the time was said, or is known
///   open   --pause()-->        closed   for a moment, as nobody has said for how long
///   closed --time passes-->    open; after a pause on trial: one question goes, and no other
///   before
///                              `trial` is over or one has been let through
///
/// A value type; time comes from outside.
class RateGate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds trial{250};

  Time closed_until() const { return std::max({said_until_, pause_until_, next_trial_}); }
  bool closed(Time now) const { return now < closed_until(); }
  void close_until(Time until) { said_until_ = std::max(said_until_, until); }

  /// Closes for `first`, then twice as long each time while refusals go on, up to `longest`. True
  /// when a pause begins: the first refusal of concurrent requests counts.
  bool pause(Time now, std::chrono::milliseconds first, std::chrono::milliseconds longest);
  /// A pause or a trial closes it, or did so last: a retry may succeed at closed_until().
  bool pauses() const { return std::max(pause_until_, next_trial_) > said_until_; }
  /// Pauses in a row.
  int pauses_so_far() const { return pauses_; }
  /// A request is sent.
  void asked(Time now) {
    if (pauses_ > 0 && !closed(now)) next_trial_ = now + trial;
  }
  /// A question was answered, and not with a refusal.
  void let_through(Time now);

 private:
  Time said_until_{};
  Time pause_until_{};
  Time next_trial_{};
  int pauses_ = 0;
};

}  // namespace entrepot::upstream
