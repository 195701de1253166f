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
#include "metrics/endpoint_metrics.h"
#include "metrics/handles.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace entrepot::metrics {

class Exposition;

/// Series of one upstream.
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
/// of the endpoints as long as the configuration has them. Series with a `code` exist for common
/// combinations; rarer ones appear when first counted. One object; created before the threads,
/// destroyed after them. Thread-safe.
class Metrics {
 public:
  explicit Metrics(const std::vector<UpstreamLabels>& upstreams);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Unknown or empty names return the series labelled "none" (requests that name no upstream).
  const UpstreamMetrics& upstream(std::string_view name) const;
  /// Unknown endpoints return the series labelled "other", which has counters only: a gauge of
  /// several endpoints would say that one of them is up. Takes a lock: for the construction of an
  /// owner, not for each request.
  EndpointMetrics endpoint(std::string_view upstream, std::string_view endpoint) const;
  /// Gives the upstream these endpoints: new ones begin at zero, those that it had keep their
  /// series, and the series of all others disappear. Does nothing for an unknown upstream. Takes a
  /// lock.
  void set_endpoints(std::string_view upstream, const std::vector<std::string>& endpoints) const;
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
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace entrepot::metrics
