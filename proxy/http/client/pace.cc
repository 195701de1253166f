// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/pace.h"

#include <algorithm>
#include <cmath>

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

nanoseconds since_epoch(Pace::Clock::time_point now) {
  return std::chrono::duration_cast<nanoseconds>(now.time_since_epoch());
}

}  // namespace

Pace::Pace(std::uint64_t rate)
    : rate_(static_cast<double>(rate)), burst_(time_of(std::max(rate / 4, least_rate))) {}

Pace::Nanoseconds Pace::time_of(std::uint64_t bytes) const {
  return Nanoseconds(std::llround(static_cast<double>(bytes) * 1e9 / rate_));
}

std::uint64_t Pace::bytes_in(Nanoseconds time) const {
  if (time <= Nanoseconds::zero()) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(time.count()) * rate_ / 1e9);
}

Pace::Grant Pace::take(std::uint64_t wanted, Clock::time_point now) {
  const Nanoseconds time = since_epoch(now);
  const std::uint64_t least = std::min(wanted, least_grant);
  Nanoseconds::rep paid = paid_.load(std::memory_order_relaxed);
  for (;;) {
    const Nanoseconds from = std::max(Nanoseconds(paid), time - burst_);
    const std::uint64_t bytes = std::min(wanted, bytes_in(time - from));
    if (bytes < least) {
      const Nanoseconds until = from + time_of(least) - time;
      return {0, std::max(std::chrono::ceil<milliseconds>(until), milliseconds(1))};
    }
    if (paid_.compare_exchange_weak(paid, (from + time_of(bytes)).count(),
                                    std::memory_order_relaxed))
      return {bytes, {}};
  }
}

void Pace::give_back(std::uint64_t bytes) {
  paid_.fetch_sub(time_of(bytes).count(), std::memory_order_relaxed);
}

void Pace::count(std::uint64_t bytes, Clock::time_point now) {
  const Nanoseconds time = since_epoch(now);
  const Nanoseconds most = time + most_debt;
  Nanoseconds::rep paid = paid_.load(std::memory_order_relaxed);
  for (;;) {
    const Nanoseconds from = std::max(Nanoseconds(paid), time - burst_);
    const Nanoseconds to = std::max(from, std::min(from + time_of(bytes), most));
    if (paid_.compare_exchange_weak(paid, to.count(), std::memory_order_relaxed)) return;
  }
}

bool Pace::rested(Clock::time_point now) const {
  return Nanoseconds(paid_.load(std::memory_order_relaxed)) <= since_epoch(now) - burst_;
}

}  // namespace entrepot::http
