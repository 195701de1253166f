// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/upstream/account/account.h"
#include "proxy/upstream/transfer/timeouts.h"
#include "proxy/upstream/wire/credential.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// The accounts of one endpoint, or its one anonymous user: which of them sends a request, and
/// their rate limits together. The anonymous user also stands in for the accounts while the
/// endpoint refuses all of them. Loop thread only.
class Accounts {
 public:
  using Clock = std::chrono::steady_clock;

  /// `credentials`, `multi` and `metrics` outlive this. `upstream` and `endpoint` are names for
  /// messages, and with `records`, which may be null, those of the accounts that loops share.
  Accounts(CurlMulti& multi, const Timeouts& timeouts, const std::vector<Credential>& credentials,
           const std::string& upstream, const std::string& endpoint,
           const metrics::EndpointMetrics& metrics, AccountRecords* records = nullptr);

  /// The number of those that may send now: neither refused nor, unless it stands in for them, the
  /// anonymous user.
  std::size_t senders() const { return senders_.size(); }
  /// The anonymous user, which may be no sender.
  Account& anonymous() { return *accounts_.back(); }
  /// Accounts with a credential; none of them, or all, may be senders.
  std::vector<Account*> with_credential() const;
  /// As configured: credentials, or the one anonymous user.
  std::size_t configured() const { return configured_; }
  /// Refused accounts, by user name, with the time since then.
  std::map<std::string, std::chrono::seconds> refused(Clock::time_point now) const;
  /// There are accounts, and the endpoint refuses all of them.
  bool all_refused() const { return stands_in(*senders_.front()); }
  /// `account` is the anonymous user in place of refused accounts.
  bool stands_in(const Account& account) const {
    return account.credential() == nullptr && configured_ < accounts_.size();
  }
  /// The record of an account may have changed.
  void choose_senders();
  /// The account for a request about `repository` that is sent now: always the same one, so that
  /// its tokens are reused, unless it is limited or has few requests left.
  Account& pick(std::string_view repository) const;
  /// The endpoint responded to `account`: reads its rate limit.
  void answered(Account& account, const ResponseHead& head);
  /// The endpoint limits the rate of `account` (429): nothing is sent on its behalf for `wait`. 0:
  /// the endpoint named no time; see Timeouts::rate_limit_first.
  void rate_limited(Account& account, std::chrono::seconds wait);
  /// The endpoint limits the rate of anonymous requests; credentials have a limit of their own.
  void anonymous_limited(std::chrono::seconds wait);

  /// No account may send before then.
  Clock::time_point limited_until() const { return first_to_send().limited_until(); }
  bool limited() const { return limited_until() > Clock::now(); }
  /// Each account that may send has few requests left.
  bool low_on_quota() const;
  /// The wait until an account may send again; nullopt where the endpoint named the time.
  std::optional<std::chrono::milliseconds> pause() const;
  /// Requests left in all rate limits; nullopt where none is known.
  std::optional<std::uint64_t> remaining(Clock::time_point now) const;
  /// The remaining wait of each limited account, by user name; "" is the anonymous user.
  std::map<std::string, std::chrono::seconds> waits(Clock::time_point now) const;
  /// Restores what waits() returned in another process.
  void restore(const std::map<std::string, std::chrono::seconds>& waits, Clock::time_point now);

  /// Publishes what is left of the rate limits, and reports a window that has ended.
  void publish_gauges();
  /// Drops tokens that were not used for long. Called each second.
  void forget_unused();

 private:
  using BudgetFigure = std::optional<std::uint64_t> (RateBudget::*)(RateBudget::Time) const;

  const Account& first_to_send() const;
  std::string limited_line(const Account& account) const;
  /// Over the accounts; nullopt where none knows.
  std::optional<std::uint64_t> sum_of(BudgetFigure figure, Clock::time_point now) const;

  const CurlMulti& multi_;
  const Timeouts timeouts_;
  const std::string name_;  ///< "upstream: endpoint"
  const metrics::EndpointMetrics& metrics_;
  std::vector<std::unique_ptr<Account>> accounts_;  ///< never empty; the anonymous user is the last
  std::size_t configured_ = 1;                      ///< of them, from the first on
  std::vector<Account*> senders_;                   ///< never empty
  bool published_ = false;  ///< the gauges have a value, which other loops may update
};

}  // namespace entrepot::upstream
