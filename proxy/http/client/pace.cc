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

Pace::Nanoseconds Pace::time_of(std::uint64_t bytes, std::uint64_t rate) {
  if (rate == 0) return Nanoseconds(0);
  return Nanoseconds(std::llround(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate)));
}

Pace::Nanoseconds Pace::burst(std::uint64_t rate) {
  return time_of(std::max(rate / 4, least_rate), rate);
}

Pace::Clock::time_point Pace::reserve(std::uint64_t bytes, Clock::time_point now) {
  const auto rate_now = rate();
  if (rate_now == 0) return now;
  const Nanoseconds earliest = since_epoch(now) - burst(rate_now);
  Nanoseconds::rep paid = paid_.load(std::memory_order_relaxed);
  Nanoseconds departure;
  do {
    departure = std::max(Nanoseconds(paid), earliest);
  } while (!paid_.compare_exchange_weak(paid, (departure + time_of(bytes, rate_now)).count(),
                                        std::memory_order_relaxed));
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(departure));
}

void Pace::give_back(std::uint64_t bytes) {
  paid_.fetch_sub(time_of(bytes, rate()).count(), std::memory_order_relaxed);
}

std::uint64_t Pace::part() const {
  const auto rate_now = rate();
  if (rate_now == 0) return 256 * 1024;
  return std::clamp<std::uint64_t>(rate_now / 64, 16 * 1024, 256 * 1024);
}

bool Pace::rested(Clock::time_point now) const {
  return Nanoseconds(paid_.load(std::memory_order_relaxed)) <= since_epoch(now) - burst(rate());
}

}  // namespace entrepot::http
