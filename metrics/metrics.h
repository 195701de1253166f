// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/cache_metrics.h"
#include "metrics/client_metrics.h"
#include "metrics/counts.h"
#include "metrics/handles.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace entrepot::metrics {

class Exposition;

/// Series of one endpoint of an upstream. A copy writes into the same series. Series that
/// set_upstreams() has removed can still be written, and nobody sees them. Thread-safe except
/// detach_gauges().
class EndpointMetrics {
 public:
  /// From now on this copy sets gauges that nobody sees: another owner sets those of the endpoint.
  void detach_gauges();

  /// entrepot_upstream_requests_total; `code` is 0 for an attempt without an answer.
  void request(Kind kind, int code) const;
  /// entrepot_endpoint_failures_total.
  void failure(EndpointFailure reason) const;
  Counter bytes() const;
  Histogram time_to_first_byte() const;
  /// Initially 1: an endpoint is assumed to work until it fails.
  Gauge up() const;
  /// NaN until they are set, so that "unknown" differs from 0.
  Gauge rate() const;
  Gauge ratelimit_remaining() const;
  Gauge ratelimit_limit() const;
  /// A sum over the accounts of the endpoint.
  Gauge accounts_denied() const;
  Counter hedges() const;
  Counter digest_mismatches() const;

 private:
  friend class Metrics;
  friend class UpstreamMetrics;
  EndpointMetrics();
  void write(Exposition& out, std::string_view upstream, std::string_view name) const;

  struct Series;
  struct Gauges;
  std::shared_ptr<Series> series_;
  std::shared_ptr<Gauges> gauges_;
};

/// Series of one upstream. A copy writes into the same series. Series that set_upstreams() has
/// removed can still be written, and nobody sees them. Thread-safe.
class UpstreamMetrics {
 public:
  /// entrepot_requests_total. A few atomic additions; no look-up by string.
  void request(Kind kind, Outcome outcome, int code) const;
  Counter response_bytes(Outcome outcome) const;
  /// entrepot_not_hit_total.
  void not_hit(AnswerReason reason) const;
  // Sums over the fetch loops: each loop adds its changes.
  Gauge transfers() const;
  Gauge transfers_queued() const;
  Counter transfers_dropped(TransferDrop reason) const;

 private:
  friend class Metrics;
  friend class UpstreamTable;
  friend Counts counts_of(const Metrics& metrics);
  struct Series;
  std::shared_ptr<Series> series_;
};

/// Series of the listeners with TLS. Any thread.
class TlsMetrics {
 public:
  /// The end of the validity of each certificate, by the name of its file.
  using CertificateEnds = std::map<std::string, std::chrono::system_clock::time_point>;

  TlsMetrics();

  Counter handshakes(TlsHandshake result) const;
  /// Connections whose bytes the kernel encrypts.
  Counter kernel_connections() const;
  /// Replaces the series of all certificates. Takes a lock.
  void set_certificates(CertificateEnds ends) const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

/// Clients behind trusted proxies, by the result of reading their addresses. A copy counts into the
/// same series. Thread-safe.
class ForwardingMetrics {
 public:
  ForwardingMetrics();

  Counter clients(Forwarding result) const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

/// Logins and access rules of the listeners. A copy counts into the same series. Thread-safe.
class LoginMetrics {
 public:
  LoginMetrics();

  Counter logins(LoginResult result) const;
  /// Requests that were refused because of who sent them.
  Counter refused(AccessRefusal reason) const;
  /// Fetches of the keys of issuers of JWTs.
  Counter key_fetches(KeyFetch result) const;
  Gauge issuers_failing() const;
  /// NaN: they could not be read.
  Gauge denials() const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

struct UpstreamLabels {
  std::string name;
  std::vector<std::string> endpoints;
};

/// Every series of the process (documented in table.cc), present at zero from the start, and those
/// of upstreams and endpoints as long as the configuration has them. Series with a `code` exist for
/// common combinations; rarer ones appear when first counted. One object; created before the
/// threads, destroyed after them. Thread-safe.
class Metrics {
 public:
  explicit Metrics(const std::vector<UpstreamLabels>& upstreams);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Unknown or empty names return the series labelled "none" (requests that name no upstream).
  /// Takes a lock: for the construction of an owner, not for each request.
  UpstreamMetrics upstream(std::string_view name) const;
  /// For an endpoint that the upstream does not have, or has no more, series that nobody sees: the
  /// next reload may take an endpoint away before its owner is constructed. Takes a lock: for the
  /// construction of an owner, not for each request.
  EndpointMetrics endpoint(std::string_view upstream, std::string_view endpoint) const;
  const CacheMetrics& cache() const;
  const DiskMetrics& disk() const;
  const TlsMetrics& tls() const;
  const LoginMetrics& logins() const;
  const ForwardingMetrics& forwarding() const;
  const ClientMetrics& clients() const;

  Histogram request_duration(Outcome outcome) const;
  Histogram time_to_first_byte(Outcome outcome) const;

  Gauge connections() const;
  Gauge connections_limit() const;
  Counter connections_refused() const;
  Gauge flights() const;
  /// Lines dropped outside of the log's own queue, which text() adds (log::dropped()).
  Counter log_dropped() const;
  Histogram loop_lag(LoopRole loop) const;
  Gauge store_jobs_queued() const;
  Counter job_failures(JobPool pool) const;
  Counter handovers(HandoverResult result) const;
  Counter reloads(ReloadResult result) const;

  /// Returns the text exposition format 0.0.4. Reads /proc/self.
  std::string text() const;

 private:
  friend Counts counts_of(const Metrics& metrics);
  friend void set_upstreams(const Metrics& metrics, const std::vector<UpstreamLabels>& upstreams);
  struct Families;
  std::unique_ptr<Families> families_;
};

/// Gives the process these upstreams with these endpoints: new ones begin at zero, those that it
/// had keep their series, and the series of all others disappear. Takes a lock. Thread-safe.
void set_upstreams(const Metrics& metrics, const std::vector<UpstreamLabels>& upstreams);

}  // namespace entrepot::metrics
