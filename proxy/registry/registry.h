// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cache/api/object_cache.h"
#include "metrics/access_log.h"
#include "metrics/metrics.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/blob_handler.h"
#include "proxy/registry/manifest_handler.h"
#include "proxy/registry/referrers_handler.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/reply/reporter.h"
#include "proxy/registry/request/options.h"
#include "proxy/registry/request/upstream_table.h"
#include "proxy/registry/tags_handler.h"

namespace entrepot::registry {

/// The registry API for clients. Routes each request to the handler of its resource, answers the
/// others itself, and reports the end of each exchange to log and metrics. One object serves all
/// loops: it is constant after construction.
class Registry final : public http::Handler {
 public:
  /// Throws std::invalid_argument for contradictory upstreams (UpstreamTable). `cache` and
  /// `metrics` must outlive the registry. The registry must outlive the server that calls it and
  /// all pending answers of the cache.
  Registry(Options options, cache::ObjectCache& cache, const metrics::Metrics& metrics);
  // The handlers refer to the options.
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, const http::Peer& peer) override;

 private:
  /// Answers resources that belong to no upstream; returns false for others.
  bool answer_locally(http::Exchange& exchange, Call& call) const;
  void answer_ping(http::Exchange& exchange, Call& call) const;
  void answer_catalog(http::Exchange& exchange, Call& call) const;
  void dispatch(const http::ExchangePtr& exchange, Call& call) const;

  const Options options_;
  const UpstreamTable upstreams_;
  const ManifestHandler manifests_;
  const BlobHandler blobs_;
  const TagsHandler tags_;
  const ReferrersHandler referrers_;
  const Reporter reporter_;
};

}  // namespace entrepot::registry
