// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/failure.h"
#include "metrics/metrics.h"
#include "proxy/upstream/auth_scheme.h"
#include "proxy/upstream/breaker.h"
#include "proxy/upstream/knowledge.h"
#include "proxy/upstream/options.h"
#include "proxy/upstream/tokens.h"
#include "proxy/upstream/url.h"

namespace entrepot::upstream {

/// One endpoint of an upstream: how to ask it, and whether it may be asked now. Loop thread only.
class Endpoint {
 public:
  using Clock = std::chrono::steady_clock;

  /// `upstream`, `options` (its first credential) and `multi` outlive this.
  /// REQUIRES: `url` is what options.url parses to.
  Endpoint(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
           const Options& common, Multi& multi, const metrics::EndpointMetrics& metrics);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& upstream() const { return upstream_.name; }
  const std::string& label() const { return label_; }
  const Url& url() const { return url_; }
  bool internal() const { return upstream_.internal; }
  /// `path` (below the endpoint's own, "/v2/…") with what every request carries.
  Url address(std::string_view path) const;
  /// Plain http may be spoken on behalf of this endpoint.
  bool plain_http() const { return upstream_.internal || !url_.https(); }
  /// Addresses that are not global may be dialled for `target`.
  bool private_addresses(const Url& target) const {
    return upstream_.internal || target.same_origin(url_);
  }

  // Whether to ask at all.
  /// admit() would let a question through now; takes nothing.
  bool open() const;
  /// It limits our rate: nothing is sent to it now.
  bool limited() const { return Clock::now() < limited_until_; }
  /// The failure to answer with instead of asking: the upstream has told us to wait (429) or does
  /// not answer. nullopt: ask, and then report exactly one of answered, failed, abandoned.
  std::optional<cache::Failure> admit();
  void answered();
  /// `why`: one phrase for the log, which has a line whenever this changes what happens next.
  void failed(std::string_view why);
  void abandoned();
  /// What is known of its speed and its failures.
  Knowledge& knowledge() { return knowledge_; }
  const Knowledge& knowledge() const { return knowledge_; }
  /// The upstream said 429: nothing is sent before `wait` is over (0: Timeouts::rate_limit).
  void rate_limited(std::chrono::seconds wait);

  // How to authenticate, learnt from its last 401; null before.
  const AuthScheme* scheme() const { return scheme_ ? &*scheme_ : nullptr; }
  void learn(AuthScheme scheme) { scheme_ = std::move(scheme); }
  const Credential* credential() const { return credential_; }
  /// Tokens of the credential, for the endpoint's own origin.
  Tokens& tokens() { return tokens_; }
  /// Tokens without a credential, for where redirects lead.
  Tokens& anonymous_tokens() { return anonymous_tokens_; }

  Multi& multi() { return multi_; }
  const metrics::EndpointMetrics& metrics() const { return metrics_; }
  const Limits& limits() const { return limits_; }
  const Timeouts& timeouts() const { return timeouts_; }

 private:
  // Constant after construction.
  const UpstreamOptions& upstream_;
  const Url url_;
  const std::string label_;
  const bool ns_;
  const Limits limits_;
  const Timeouts timeouts_;
  const Credential* const credential_;  ///< null: anonymous
  Multi& multi_;
  const metrics::EndpointMetrics metrics_;

  Breaker breaker_;
  Clock::time_point limited_until_{};
  Knowledge knowledge_;
  std::optional<AuthScheme> scheme_;
  Tokens tokens_;
  Tokens anonymous_tokens_;
};

}  // namespace entrepot::upstream
