// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "metrics/handles.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace entrepot::metrics {

class Exposition;

/// Series of one endpoint of an upstream. A copy writes into the same series. Series that
/// Metrics::set_endpoints() has removed can still be written, and nobody sees them. Thread-safe
/// except detach_gauges().
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
  /// A sum over the fetch loops: each adds its changes.
  Gauge accounts_denied() const;
  Counter hedges() const;
  Counter digest_mismatches() const;

 private:
  friend class Metrics;
  EndpointMetrics();
  /// Something was counted.
  bool touched() const;
  void write_counters(Exposition& out, std::string_view upstream, std::string_view name) const;
  void write_gauges(Exposition& out, std::string_view upstream, std::string_view name) const;

  struct Series;
  struct Gauges;
  std::shared_ptr<Series> series_;
  std::shared_ptr<Gauges> gauges_;
};

}  // namespace entrepot::metrics
