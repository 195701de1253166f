// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "metrics/access_log.h"
#include "metrics/metrics.h"
#include "proxy/http/client/line_per_client.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/reply/call.h"

namespace entrepot::registry {

/// Reports the ends of exchanges to the metrics and the access log. Any thread.
class Reporter {
 public:
  /// `metrics` must outlive the reporter.
  Reporter(const log::AccessLog& access_log, const metrics::Metrics& metrics);

  /// As log::AccessLog::set().
  void set_access_log(bool enabled, unsigned sample) { access_log_.set(enabled, sample); }
  void finished(const http::Exchange& exchange, const Call& call,
                const http::ReplyStats& stats) const;
  /// Reports a request that was rejected before it became an exchange.
  void refused(int status, std::string_view reason, const http::Peer& peer) const;
  /// Reports a trusted proxy that does not name its client: a line per proxy and hour.
  void forwarding_failed(metrics::Forwarding reason, const http::Peer& proxy) const;

 private:
  void note_use(const http::Exchange& exchange, const Call& call,
                const http::ReplyStats& stats) const;
  void write_line(const http::Exchange& exchange, const Call& call,
                  const http::ReplyStats& stats) const;
  void tls_on_plain_port(const http::Peer& peer) const;
  void plain_on_tls_port(int status, const http::Peer& peer) const;

  log::AccessLog access_log_;
  // Constant after construction.
  const metrics::UpstreamMetrics no_upstream_;
  const metrics::ClientMetrics& clients_;
  // Indexed by outcome.
  std::vector<metrics::Histogram> durations_;
  std::vector<metrics::Histogram> first_bytes_;

  mutable http::LinePerClient tls_lines_, plain_lines_, proxy_lines_;
};

}  // namespace entrepot::registry
