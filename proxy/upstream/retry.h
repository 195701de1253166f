// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "proxy/upstream/endpoint/backoff.h"
#include "proxy/upstream/endpoint/options.h"

namespace entrepot::upstream {

/// Decides how often and how soon a failed request is repeated: Limits::tries in all, within
/// Timeouts::retry_for, or within Timeouts::limited_for while a rate limit refuses it. One thread;
/// the caller passes the time.
class Retry {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Retry(const Limits& limits, const Timeouts& timeouts, Time begun, std::uint64_t seed)
      : tries_(limits.tries),
        first_(timeouts.backoff_first),
        longest_(timeouts.backoff_longest),
        until_(begun + timeouts.retry_for),
        limited_until_(begun + timeouts.limited_for),
        random_(seed) {}

  /// A try has failed: the wait before the next, or nullopt when there is none.
  std::optional<std::chrono::milliseconds> failed(Time now) {
    ++failed_;
    const auto wait = backoff_delay(failed_, first_, longest_, random_);
    if (failed_ >= tries_ || now + wait >= until_) return std::nullopt;
    return wait;
  }

  /// The rate is limited for `pause`: the wait before the next try, somewhat longer than that, so
  /// that waiting requests spread. `asked`: this try was sent and got a 429; false: it was not
  /// sent.
  std::optional<std::chrono::milliseconds> limited(std::chrono::milliseconds pause, bool asked,
                                                   Time now) {
    if (asked) ++failed_;
    const auto spread = std::max(pause / 2, least_spread);
    const auto wait = pause + jittered_delay(spread, random_) - spread * 3 / 4;
    if (failed_ >= tries_ || now + wait >= limited_until_) return std::nullopt;
    return wait;
  }

 private:
  static constexpr std::chrono::milliseconds least_spread{100};

  const int tries_;
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds longest_;
  const Time until_;
  const Time limited_until_;
  std::uint64_t random_;
  int failed_ = 0;
};

}  // namespace entrepot::upstream
