// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/pace.h"

#include <algorithm>
#include <cmath>

namespace entrepot::http {
namespace {

using std::chrono::nanoseconds;

nanoseconds since_epoch(Pace::Clock::time_point now) {
  return std::chrono::duration_cast<nanoseconds>(now.time_since_epoch());
}

}  // namespace

Pace::Pace(std::uint64_t rate) : rate_(rate), burst_(time_of(std::max(rate / 4, least_rate))) {}

Pace::Nanoseconds Pace::time_of(std::uint64_t bytes) const {
  return Nanoseconds(std::llround(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate_)));
}

Pace::Clock::time_point Pace::reserve(std::uint64_t bytes, Clock::time_point now) {
  const Nanoseconds earliest = since_epoch(now) - burst_;
  Nanoseconds::rep paid = paid_.load(std::memory_order_relaxed);
  Nanoseconds departure;
  do {
    departure = std::max(Nanoseconds(paid), earliest);
  } while (!paid_.compare_exchange_weak(paid, (departure + time_of(bytes)).count(),
                                        std::memory_order_relaxed));
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(departure));
}

void Pace::give_back(std::uint64_t bytes) {
  paid_.fetch_sub(time_of(bytes).count(), std::memory_order_relaxed);
}

std::uint64_t Pace::part() const {
  return std::clamp<std::uint64_t>(rate_ / 64, 16 * 1024, 256 * 1024);
}

bool Pace::rested(Clock::time_point now) const {
  return Nanoseconds(paid_.load(std::memory_order_relaxed)) <= since_epoch(now) - burst_;
}

}  // namespace entrepot::http
