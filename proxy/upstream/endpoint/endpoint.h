// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cache/base/failure.h"
#include "metrics/metrics.h"
#include "proxy/upstream/account/accounts.h"
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/auth/schemes.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/account_checks.h"
#include "proxy/upstream/endpoint/breaker.h"
#include "proxy/upstream/endpoint/endpoint_address.h"
#include "proxy/upstream/endpoint/endpoint_stats.h"
#include "proxy/upstream/endpoint/head_support.h"
#include "proxy/upstream/endpoint/options.h"
#include "proxy/upstream/endpoint/report.h"
#include "proxy/upstream/endpoint/trouble_log.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// One endpoint of an upstream: owns everything that is known about it, and decides whether it may
/// get a request now. Loop thread only.
class Endpoint {
 public:
  using Clock = std::chrono::steady_clock;

  /// `upstream`, `options` (its credentials) and `multi` outlive this.
  /// REQUIRES: `url` is what options.url parses to.
  Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
           const Options& common, CurlMulti& multi, const metrics::EndpointMetrics& metrics);

  // Its parts.
  const EndpointAddress& address() const { return address_; }
  const std::string& label() const { return address_.label(); }
  Accounts& accounts() { return accounts_; }
  EndpointStats& stats() { return stats_; }
  const EndpointStats& stats() const { return stats_; }
  /// The resources for which it refuses HEAD.
  HeadSupport& heads() { return heads_; }
  Schemes& schemes() { return schemes_; }
  BaseChallenge& base_challenge() { return base_challenge_; }
  AccountChecks& account_checks() { return account_checks_; }
  /// Failures of requests, which the log may have to mention. The circuit breaker reports those of
  /// requests without a response.
  TroubleLog& trouble() { return trouble_; }
  CurlMulti& multi() { return multi_; }
  const metrics::EndpointMetrics& metrics() const { return metrics_; }
  const Limits& limits() const { return limits_; }
  const Timeouts& timeouts() const { return timeouts_; }

  // The circuit breaker.
  /// admit() would allow a request now; changes nothing.
  bool open() const;
  /// The failure to report instead of sending a request: the endpoint limits our rate (429) or does
  /// not answer. nullopt: send it, and then report exactly one of answered, failed, abandoned
  /// (Admission does).
  std::optional<cache::Failure> admit();
  void answered();
  /// No response. `why`: one phrase for the log, which gets a line when the circuit opens, and when
  /// the reason changes.
  void failed(EndpointFailure reason, std::string_view why);
  void abandoned();

  EndpointReport report() const;
  /// Begins with what another process knew.
  void recall(const EndpointReport& known);
  /// Another object has its place; requests in progress end with this one. It sets no gauges from
  /// now on.
  void retire();
  /// Publishes gauges and drops unused tokens. Called each second.
  void maintain();

 private:
  // Constant after construction.
  const EndpointAddress address_;
  const std::string region_;
  const Limits limits_;
  const Timeouts timeouts_;
  CurlMulti& multi_;

  metrics::EndpointMetrics metrics_;
  Breaker breaker_;
  TroubleLog trouble_;
  EndpointStats stats_;
  HeadSupport heads_;
  Schemes schemes_;
  BaseChallenge base_challenge_;
  Accounts accounts_;
  AccountChecks account_checks_;
};

/// It is another mirror in the same site: one connection to it is as fast as several. Loop thread
/// only.
bool is_near_mirror(const Endpoint& endpoint);

}  // namespace entrepot::upstream
