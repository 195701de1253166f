// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/endpoint/choice.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/endpoint/options.h"
#include "proxy/upstream/endpoint/probe.h"
#include "proxy/upstream/transfer/curl_multi.h"

namespace entrepot::upstream {

/// One registry: its transfers, its endpoints, and the choice between them. Loop thread only.
class Upstream {
 public:
  /// Throws std::invalid_argument when there is no endpoint or a URL does not parse, naming both.
  Upstream(loop::Loop& loop, UpstreamOptions options, const Options& common,
           const metrics::Metrics& metrics);
  ~Upstream();

  const std::string& name() const { return options_.name; }
  using Endpoints = std::vector<const Endpoint*>;
  /// The endpoint for a request for `bytes`; null when all are excluded. Called for each request.
  Endpoint* choose(std::uint64_t bytes, const Endpoints& excluded = {});
  /// Another endpoint than the excluded ones, if there is one; changes nothing.
  enum class Only : std::uint8_t {
    working,  ///< one that answers
    open,     ///< one whose circuit admits a request: it may have what the others lack
  };
  Endpoint* alternative(std::uint64_t bytes, const Endpoints& excluded, Only only) const;
  /// Expected seconds until `endpoint` has delivered `bytes`.
  double expected_seconds(const Endpoint& endpoint, std::uint64_t bytes) const;
  /// All endpoints, in the order of the configuration.
  const std::vector<std::unique_ptr<Endpoint>>& endpoints() const { return endpoints_; }
  /// Uses one hedge (Limits::hedges): true when a second endpoint may get the request too.
  bool take_hedge();
  /// See cache::Source::crowded().
  bool crowded() const { return multi_.crowded(); }
  UpstreamReport report() const;
  /// Restores an earlier report; endpoints that it does not have are ignored.
  void recall(const UpstreamReport& known);
  /// Another object has its place: sends no more probes and sets no gauges of endpoints.
  void retire();
  /// Publishes gauges and forgets unused tokens. Called each second.
  void publish_gauges();
  const loop::Loop& loop() const { return loop_; }
  event_base* base() const { return loop_.base(); }
  const Limits& limits() const { return limits_; }
  const Timeouts& timeouts() const { return timeouts_; }
  /// Options::read_off_loop; may be empty.
  const auto& read_off_loop() const { return read_off_loop_; }
  /// Counts each resumed body.
  const metrics::Counter& fills_resumed() const { return fills_resumed_; }
  /// Bytes of the running lists, for ListingPages to bound.
  std::uint64_t& listing_bytes() { return listing_bytes_; }
  /// A seed for jitter, another one each time.
  std::uint64_t next_seed() { return seed_ += 0x9e3779b97f4a7c15U; }

 private:
  static constexpr std::size_t sizes = 2;  ///< small and large (choice.h)

  std::vector<Candidate> candidates(std::uint64_t bytes, const Endpoints& excluded) const;
  void publish_transfers(std::size_t running, std::size_t queued);
  void publish_dropped();

  // Constant after construction.
  loop::Loop& loop_;
  const UpstreamOptions options_;
  const Limits limits_;
  const Timeouts timeouts_;
  const std::function<void(cache::Job, cache::Job)> read_off_loop_;
  const metrics::Counter fills_resumed_;
  const metrics::UpstreamMetrics metrics_;

  std::uint64_t seed_;
  CurlMulti multi_;                                   // outlives the endpoints' tokens
  std::vector<std::unique_ptr<Endpoint>> endpoints_;  // never empty
  std::vector<std::unique_ptr<Probe>> probes_;        // as endpoints_; or none
  std::array<std::optional<std::size_t>, sizes> incumbents_;
  std::uint64_t listing_bytes_ = 0;
  double hedges_;  ///< available now; each request adds a share of one
  std::size_t published_running_ = 0,
              published_queued_ = 0;  ///< our share of the gauges, of all loops
  CurlMulti::Dropped published_dropped_;
};

}  // namespace entrepot::upstream
