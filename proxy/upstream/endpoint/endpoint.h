// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/failure.h"
#include "metrics/metrics.h"
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/auth/realm.h"
#include "proxy/upstream/auth/schemes.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/account.h"
#include "proxy/upstream/endpoint/breaker.h"
#include "proxy/upstream/endpoint/endpoint_stats.h"
#include "proxy/upstream/endpoint/head_support.h"
#include "proxy/upstream/endpoint/options.h"
#include "proxy/upstream/endpoint/report.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// One endpoint of an upstream: how to ask it, and whether it may be asked now. Loop thread only.
class Endpoint {
 public:
  using Clock = std::chrono::steady_clock;

  /// `upstream`, `options` (its credentials) and `multi` outlive this.
  /// REQUIRES: `url` is what options.url parses to.
  Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
           const Options& common, CurlMulti& multi, const metrics::EndpointMetrics& metrics);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& upstream() const { return upstream_.name; }
  const std::string& label() const { return label_; }
  const Url& url() const { return url_; }
  /// Another mirror, in the same site: one connection to it is as fast as several.
  bool near_mirror() const;
  /// Which token servers may be asked on its behalf, with a credential or without.
  RealmRules realm_rules(bool with_credential) const {
    return {.any_host = !with_credential, .hosts = upstream_.token_hosts};
  }
  /// `path` (below the endpoint's own, "/v2/…") with what every request carries.
  Url address(std::string_view path) const;
  /// Plain http may be spoken on behalf of this endpoint.
  bool plain_http() const { return upstream_.internal || !url_.https(); }
  /// Where it leads us may be on addresses that are not global.
  bool internal() const { return upstream_.internal; }
  /// Addresses that are not global may be dialled for `target`.
  bool private_addresses(const Url& target) const {
    return upstream_.internal || target.same_origin(url_);
  }

  // Whether to ask at all.
  /// admit() would let a question through now; takes nothing.
  bool open() const;
  /// It limits the rate of all our accounts: nothing is sent to it now.
  bool limited() const { return limited_until() > Clock::now(); }
  /// Each account that may be used now has few requests left.
  bool low_on_quota() const;
  /// The failure to answer with instead of asking: the upstream has told us to wait (429) or does
  /// not answer. nullopt: ask, and then report exactly one of answered, failed, abandoned.
  std::optional<cache::Failure> admit();
  void answered();
  /// `why`: one phrase for the log, which has a line whenever this changes what happens next.
  void failed(std::string_view why);
  void abandoned();
  /// What is known of its speed and its failures.
  EndpointStats& knowledge() { return knowledge_; }
  const EndpointStats& knowledge() const { return knowledge_; }
  /// What it refuses HEAD for.
  HeadSupport& heads() { return heads_; }
  const HeadSupport& heads() const { return heads_; }
  /// How long until who was refused for the rate may ask again; nullopt where it has said for how
  /// long.
  std::optional<std::chrono::milliseconds> pause() const;
  /// The upstream said 429: nothing is sent on behalf of the account before `wait` is over. 0: it
  /// did not say; see Timeouts::rate_limit_first.
  void rate_limited(Account& account, std::chrono::seconds wait);
  /// The same where nobody was named: credentials have a limit of their own.
  void anonymous_limited(std::chrono::seconds wait);
  std::size_t accounts() const { return accounts_.size(); }

  EndpointReport report() const;
  /// Begins with what another process knew.
  void recall(const EndpointReport& known);

  // On whose behalf.
  /// The account for a question about `repository` that is put now: always the same one, so that
  /// tokens serve again, but for those that are limited or have few requests left.
  Account& account_for(std::string_view repository) const;
  /// What an answer to `account` says of its rate limit, and whether it was let through.
  void told(Account& account, const ResponseHead& head);
  /// What is left of the rate limit, and whether that is known still.
  void bring_gauges_up_to_date();

  /// Called each second: tokens that nobody has needed for long.
  void forget_unused();

  // How to authenticate.
  Schemes& schemes() { return schemes_; }
  BaseChallenge& base_challenge() { return base_challenge_; }
  /// Tokens without a credential, for where redirects lead.
  Tokens& anonymous_tokens() { return anonymous_tokens_; }

  CurlMulti& multi() { return multi_; }
  const metrics::EndpointMetrics& metrics() const { return metrics_; }
  /// The header line for what has come `via` others; empty where none is sent: only another mirror
  /// has a use for it, and no registry shall judge by what our clients write.
  std::string via_line(const std::string& via) const;
  const Limits& limits() const { return limits_; }
  const Timeouts& timeouts() const { return timeouts_; }

 private:
  TransferRequest base_request() const;
  Clock::time_point limited_until() const;
  const Account& first_to_ask() const;
  std::string limited_line(const Account& account) const;
  using BudgetFigure = std::optional<std::uint64_t> (RateBudget::*)(RateBudget::Time) const;
  /// Over the accounts; nullopt where none knows.
  std::optional<std::uint64_t> sum_of(BudgetFigure figure, Clock::time_point now) const;
  std::optional<std::uint64_t> remaining(Clock::time_point now) const;

  // Constant after construction.
  const UpstreamOptions& upstream_;
  const Url url_;
  const std::string label_;
  const std::string region_;
  const bool ns_;
  const Limits limits_;
  const Timeouts timeouts_;
  const std::string id_;
  CurlMulti& multi_;
  const metrics::EndpointMetrics metrics_;

  bool told_ratelimit_ = false;  ///< the gauges, which other loops may know better
  Breaker breaker_;
  EndpointStats knowledge_;
  HeadSupport heads_;
  Schemes schemes_;
  BaseChallenge base_challenge_;
  std::vector<std::unique_ptr<Account>> accounts_;  ///< never empty
  Tokens anonymous_tokens_;
};

}  // namespace entrepot::upstream
