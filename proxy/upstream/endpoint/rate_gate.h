// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace entrepot::upstream {

/// Pauses in a row until a warning is logged; a short pause may occur every second.
inline constexpr int pauses_before_warning = 3;

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

  /// For `first`, then for twice as long each time while refusals go on, up to `longest`. True
  /// where a pause begins: of questions that were under way together the first refusal counts.
  bool pause(Time now, std::chrono::milliseconds first, std::chrono::milliseconds longest);
  /// What closes it, or did so last, is a pause or a trial: who waits may ask at closed_until().
  bool pauses() const { return std::max(pause_until_, next_trial_) > said_until_; }
  /// Pauses in a row.
  int pauses_so_far() const { return pauses_; }
  /// A question goes out.
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
