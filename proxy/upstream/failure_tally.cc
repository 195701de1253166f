// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/failure_tally.h"

#include <algorithm>

namespace entrepot::upstream {
namespace {

int definiteness(cache::FailureKind kind) {
  switch (kind) {
    case cache::FailureKind::denied:
      return 4;
    case cache::FailureKind::not_found:
      return 3;
    case cache::FailureKind::rate_limited:
      return 2;
    case cache::FailureKind::unavailable:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

void FailureTally::add(const Endpoint& endpoint, const RequestFailure& failure) {
  tried_.push_back(&endpoint);
  // A circuit that is open when a body breaks off may be closed when its turn comes again.
  const auto kind = failure.failure.kind;
  const bool unasked = !failure.reason && kind == cache::FailureKind::unavailable;
  if (failure.pause) {
    pause_ = std::min(*failure.pause, pause_.value_or(*failure.pause));
    paused_asked_ = paused_asked_ || failure.reason.has_value();
  }
  if (unasked || kind == cache::FailureKind::rate_limited) {
    circuit_wait_ = failure.failure.retry_after;
  } else if (failure.retryable) {
    retryable_ = true;
  } else {
    final_.push_back(&endpoint);
  }
  last_[&endpoint] = failure.failure;
}

void FailureTally::next_round() {
  tried_ = final_;
  retryable_ = false;
  circuit_wait_.reset();
  pause_.reset();
  paused_asked_ = false;
}

std::optional<std::chrono::milliseconds> FailureTally::round_wait(Retry& retry, bool patient,
                                                                  Retry::Time now) const {
  if (retryable_) return retry.failed(now);
  if (!pause_ || !patient) return std::nullopt;
  return retry.limited(*pause_, paused_asked_, now);
}

void FailureTally::answered() {
  next_round();
  last_.clear();
}

cache::Failure FailureTally::failure() const {
  const auto most = std::max_element(last_.begin(), last_.end(), [](const auto& a, const auto& b) {
    return definiteness(a.second.kind) < definiteness(b.second.kind);
  });
  cache::Failure failure = most->second;
  const bool doubtful =
      std::ranges::any_of(last_, [](const auto& last) { return last.second.doubtful; });
  failure.doubtful = cache::is_definitive(failure.kind) && (doubtful || final_.size() < endpoints_);
  return failure;
}

}  // namespace entrepot::upstream
