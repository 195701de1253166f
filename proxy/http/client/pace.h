// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace entrepot::http {

/// The rate at which one client gets bytes, over all of its connections: each part of a reply
/// reserves its time of departure, and the parts depart in the order of their reservations. After a
/// rest the bytes of a quarter of a second depart at once. This is the generic cell rate algorithm
/// (ITU-T I.371) with waiting instead of loss. Any thread; lock-free.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  /// The lowest rate, in bytes per second: a client with several connections has to stay above
  /// SendProgress::least_rate on each of them.
  static constexpr std::uint64_t least_rate = 64 * 1024;

  /// `rate`: bytes per second, at least least_rate; or 0: all bytes depart at once.
  explicit Pace(std::uint64_t rate) : rate_(rate) {}

  std::uint64_t rate() const { return rate_.load(std::memory_order_relaxed); }
  /// Reservations keep the times that they have.
  void set_rate(std::uint64_t rate) { rate_.store(rate, std::memory_order_relaxed); }

  /// Reserves the next time for `bytes`, and returns when they may be sent: now or earlier for at
  /// once. They have to be sent then, or given back.
  Clock::time_point reserve(std::uint64_t bytes, Clock::time_point now);
  /// `bytes` of reservations are not sent. The other reservations keep their times.
  void give_back(std::uint64_t bytes);
  /// The part of a body to reserve at a time: the bytes of a 64th of a second, 16 KiB to 256 KiB. A
  /// client with many connections sends one part on each in turn.
  std::uint64_t part() const;
  /// True if a new Pace would reserve the same.
  bool rested(Clock::time_point now) const;

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  static Nanoseconds time_of(std::uint64_t bytes, std::uint64_t rate);
  /// The time of the bytes that depart at once after a rest.
  static Nanoseconds burst(std::uint64_t rate);

  std::atomic<std::uint64_t> rate_;
  /// When all that is reserved will have departed and be paid for by time, on Clock.
  std::atomic<Nanoseconds::rep> paid_{0};
};

}  // namespace entrepot::http
