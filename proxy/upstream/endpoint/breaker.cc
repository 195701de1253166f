// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/breaker.h"

#include <algorithm>

#include "proxy/upstream/endpoint/backoff.h"

namespace entrepot::upstream {
namespace {

// The wait that requests during a probe get: the probe ends within about a round trip.
constexpr std::chrono::milliseconds probe_wait{500};

}  // namespace

Breaker::Breaker(Options options, std::uint64_t seed) : options_(options), random_(seed) {}

std::chrono::milliseconds Breaker::admit(Time now) {
  if (!open()) return std::chrono::milliseconds(0);
  if (now < until_) return std::chrono::ceil<std::chrono::milliseconds>(until_ - now);
  if (state_.is(BreakerState::probing)) return probe_wait;
  state_.enter(BreakerState::probing);
  return std::chrono::milliseconds(0);
}

void Breaker::answered() {
  failures_ = 0;
  if (open()) state_.enter(BreakerState::closed);
  span_ = std::chrono::milliseconds(0);
}

void Breaker::failed(Time now) {
  // While it is open, only the probe tells something new: attempts begun earlier must not double
  // the wait once each.
  if (state_.is(BreakerState::open)) return;
  if (!open() && ++failures_ < options_.threshold) return;
  state_.enter(BreakerState::open);
  span_ = span_.count() == 0 ? options_.shortest : std::min(span_ * 2, options_.longest);
  until_ = now + jittered_delay(span_, random_);
}

void Breaker::abandoned() {
  if (state_.is(BreakerState::probing)) state_.enter(BreakerState::open);
}

}  // namespace entrepot::upstream
