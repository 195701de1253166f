// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/account.h"

#include <algorithm>

#include "metrics/log.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

constexpr std::size_t max_repositories = 1000;

}  // namespace

void Account::limit_tokens(const cache::Failure& failure, const Timeouts& timeouts) {
  const Time now = std::chrono::steady_clock::now();
  if (!token_gate_.closed(now)) need_token_.clear();
  const bool named = failure.retry_after.count() > 0;
  bool warn = named && !token_gate_.closed(now);
  if (named) {
    token_gate_.close_until(now +
                            std::min<std::chrono::seconds>(failure.retry_after, max_retry_after));
  } else {
    // A single short pause is no news to an operator.
    warn = token_gate_.pause(now, timeouts.rate_limit_first, timeouts.rate_limit) &&
           token_gate_.pauses_so_far() == pauses_before_warning;
  }
  if (!warn) return;
  log::warn("{}; no token is requested for {} for {} s; repositories that need no token are served",
            failure.message, name(),
            std::chrono::ceil<std::chrono::seconds>(token_gate_.closed_until() - now).count());
}

void Account::note_needs_token(const std::string& repository) {
  if (need_token_.size() < max_repositories) need_token_.insert(repository);
}

std::optional<std::chrono::milliseconds> Account::token_pause(Time now) const {
  if (!token_gate_.pauses()) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(token_gate_.closed_until() - now);
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace entrepot::upstream
