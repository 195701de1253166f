// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/multi.h"
#include "proxy/upstream/options.h"

struct event_base;

namespace entrepot::upstream {

/// One registry: its transfers and its endpoints. Loop thread only.
class Upstream {
 public:
  /// Throws std::invalid_argument when there is no endpoint or a URL does not parse, naming both.
  Upstream(event_base* base, UpstreamOptions options, const Options& common,
           const metrics::Metrics& metrics);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  const std::string& name() const { return options_.name; }
  /// The endpoint for the next attempt, asked anew for each.
  Endpoint& choose_endpoint() { return *endpoints_.front(); }
  event_base* base() const { return base_; }
  const Limits& limits() const { return limits_; }
  const Timeouts& timeouts() const { return timeouts_; }
  /// Counts each body that goes on where it broke.
  const metrics::Counter& fills_resumed() const { return fills_resumed_; }
  /// A seed for jitter, another one each time.
  std::uint64_t next_seed() { return seed_ += 0x9e3779b97f4a7c15U; }

 private:
  // Constant after construction.
  event_base* const base_;
  const UpstreamOptions options_;
  const Limits limits_;
  const Timeouts timeouts_;
  const metrics::Counter fills_resumed_;

  std::uint64_t seed_;
  Multi multi_;                                       // outlives the endpoints' tokens
  std::vector<std::unique_ptr<Endpoint>> endpoints_;  // never empty
};

}  // namespace entrepot::upstream
