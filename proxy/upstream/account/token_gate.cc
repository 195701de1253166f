// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/token_gate.h"

#include <algorithm>

#include "metrics/log.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

constexpr std::size_t max_repositories = 1000;

}  // namespace

void TokenGate::limited(const cache::Failure& failure, const Timeouts& timeouts) {
  const Time now = std::chrono::steady_clock::now();
  if (!gate_.closed(now)) need_token_.clear();
  const bool named = failure.retry_after.count() > 0;
  bool warn = named && !gate_.closed(now);
  if (named) {
    gate_.close_until(now + std::min<std::chrono::seconds>(failure.retry_after, max_retry_after));
  } else {
    // A single short pause is no news to an operator.
    warn = gate_.pause(now, timeouts.rate_limit_first, timeouts.rate_limit) &&
           gate_.pauses_so_far() == pauses_before_warning;
  }
  if (!warn) return;
  log::warn("{}; no token is requested for {} for {} s; repositories that need no token are served",
            failure.message, account_,
            std::chrono::ceil<std::chrono::seconds>(gate_.closed_until() - now).count());
}

std::optional<cache::Failure> TokenGate::refusal(const std::string& what, Time now) const {
  if (!gate_.closed(now)) return std::nullopt;
  cache::Failure failure{
      cache::FailureKind::rate_limited,
      what + ": the token server has limited the rate of " + account_ + " (429)"};
  failure.status = 429;
  failure.retry_after = std::chrono::ceil<std::chrono::seconds>(gate_.closed_until() - now);
  return failure;
}

void TokenGate::note_needs_token(const std::string& repository) {
  if (need_token_.size() < max_repositories) need_token_.insert(repository);
}

}  // namespace entrepot::upstream
