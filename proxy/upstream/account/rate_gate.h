// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace entrepot::upstream {

/// Pauses in a row until a warning is logged; a short pause may occur every second.
inline constexpr int pauses_before_warning = 3;

/// Decides when requests of one account may be sent, by their refusals (429). It is closed until
/// the latest of three times: one that a response named (close_until), the end of a short pause
/// where the response named none (pause), and, after a pause, `trial` after each request that was
/// sent, until one of them is not refused (let_through).
///
/// A value type; the caller passes the time.
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
  /// Time until the next request; nullopt if a response has named the time.
  std::optional<std::chrono::milliseconds> pause_left(Time now) const {
    if (!pauses()) return std::nullopt;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(closed_until() - now);
    return std::max(left, std::chrono::milliseconds(0));
  }
  /// Pauses in a row.
  int pauses_so_far() const { return pauses_; }
  /// A request is sent.
  void sent(Time now) {
    if (pauses_ > 0 && !closed(now)) next_trial_ = now + trial;
  }
  /// A request was not refused.
  void let_through(Time now);

 private:
  Time said_until_{};
  Time pause_until_{};
  Time next_trial_{};
  int pauses_ = 0;
};

}  // namespace entrepot::upstream
