// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/labels.h"

namespace entrepot::metrics {

// Handles to one series each: cheap to copy, valid as long as the Metrics they came from, usable
// from any thread without a lock.
class Counter {
 public:
  explicit Counter(void* series) : series_(series) {}
  void add(std::uint64_t n = 1) const;

 private:
  void* series_;
};
class Gauge {
 public:
  explicit Gauge(void* series) : series_(series) {}
  void set(double value) const;
  void add(double delta) const;

 private:
  void* series_;
};
class Histogram {
 public:
  explicit Histogram(void* series) : series_(series) {}
  void observe(std::chrono::nanoseconds duration) const;

 private:
  void* series_;
};

/// Series of one endpoint of an upstream.
class EndpointMetrics {
 public:
  /// entrepot_upstream_requests_total; `code` 0 for an attempt without an answer.
  void request(Kind kind, int code) const;
  /// entrepot_endpoint_failures_total; `reason` is one of a fixed list (metrics.cc), others count
  /// as "other".
  void failure(std::string_view reason) const;
  Counter bytes() const;
  Histogram time_to_first_byte() const;
  Gauge up() const;
  Gauge ratelimit_remaining() const;
  Counter digest_mismatches() const;

 private:
  friend class Metrics;
  struct Series;
  std::shared_ptr<Series> series_;
};

/// Series of one upstream.
class UpstreamMetrics {
 public:
  /// entrepot_requests_total. A few atomic adds; no lookup by string.
  void request(Kind kind, Outcome outcome, int code) const;
  Counter response_bytes(Outcome outcome) const;

 private:
  friend class Metrics;
  struct Series;
  std::shared_ptr<Series> series_;
};

struct UpstreamLabels {
  std::string name;
  std::vector<std::string> endpoints;
};

/// Every series of the process (docs: the table in metrics.cc), present at zero from the start.
/// One object; made before the threads, destroyed after them.
class Metrics {
 public:
  explicit Metrics(const std::vector<UpstreamLabels>& upstreams);
  ~Metrics();

  /// Unknown or empty names give the series labelled "none" (requests that name no upstream).
  const UpstreamMetrics& upstream(std::string_view name) const;
  /// Unknown endpoints give the series labelled "other".
  const EndpointMetrics& endpoint(std::string_view upstream, std::string_view endpoint) const;

  Histogram request_duration(Outcome outcome) const;
  Histogram time_to_first_byte(Outcome outcome) const;

  Gauge connections() const;
  Gauge flights() const;
  Gauge cache_bytes() const;
  Gauge cache_max_bytes() const;
  /// kind: "blob", "manifest", "tag", "fill".
  Gauge cache_objects(std::string_view kind) const;
  Counter cache_evicted_bytes() const;
  Counter cache_evictions(std::string_view reason) const;
  Counter fills_resumed() const;
  /// operation: "open", "read", "write", "sync", "rename", "unlink", "index".
  Counter disk_errors(std::string_view operation) const;
  Counter bypass(std::string_view reason) const;
  Counter scrubbed_bytes() const;
  Counter log_dropped() const;

  /// The text exposition format 0.0.4.
  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace entrepot::metrics
