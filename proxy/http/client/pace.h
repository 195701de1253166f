// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace entrepot::http {

/// The rate at which one client gets bytes, over all of its connections: a bucket that holds the
/// bytes of a quarter of a second, as the generic cell rate algorithm keeps it (ITU-T I.371). Any
/// thread; lock-free.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  /// The lowest rate, in bytes per second: a client with several connections has to stay above
  /// SendProgress::least_rate on each of them.
  static constexpr std::uint64_t least_rate = 64 * 1024;
  /// Fewer bytes are granted only at the end of a reply, so that a slow rate costs few system
  /// calls.
  static constexpr std::uint64_t least_grant = 16 * 1024;
  /// The most that bytes which nothing could delay postpone those after them.
  static constexpr std::chrono::seconds most_debt{1};

  struct Grant {
    std::uint64_t bytes = 0;            ///< 0: none yet
    std::chrono::milliseconds wait{0};  ///< for bytes = 0: after this time there will be some
  };

  /// `rate`: bytes per second. REQUIRES: at least least_rate.
  explicit Pace(std::uint64_t rate);

  /// Grants up to `wanted` bytes, which count as sent. REQUIRES: `wanted` > 0.
  Grant take(std::uint64_t wanted, Clock::time_point now);
  /// The last `bytes` of a grant have not been sent.
  void give_back(std::uint64_t bytes);
  /// Counts bytes that are sent whatever the rate is.
  void count(std::uint64_t bytes, Clock::time_point now);
  /// True if a new Pace would grant the same.
  bool rested(Clock::time_point now) const;

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  Nanoseconds time_of(std::uint64_t bytes) const;
  std::uint64_t bytes_in(Nanoseconds time) const;

  const double rate_;
  const Nanoseconds burst_;
  /// When all bytes sent so far will have been paid for by time, on Clock.
  std::atomic<Nanoseconds::rep> paid_{0};
};

}  // namespace entrepot::http
