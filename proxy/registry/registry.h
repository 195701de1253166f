// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "metrics/access_log.h"
#include "metrics/metrics.h"
#include "proxy/http/exchange.h"
#include "proxy/registry/blob_handler.h"
#include "proxy/registry/call.h"
#include "proxy/registry/manifest_handler.h"
#include "proxy/registry/options.h"
#include "proxy/registry/referrers_handler.h"
#include "proxy/registry/reporter.h"
#include "proxy/registry/store.h"
#include "proxy/registry/tags_handler.h"
#include "proxy/registry/upstream_table.h"

namespace entrepot::registry {

/// The registry API towards clients: routes each request to the handler of its resource, answers
/// the rest itself, and tells log and metrics how each exchange ended.
/// One object serves all loops: nothing in it changes after construction.
class Registry final : public http::Handler {
 public:
  /// Throws std::invalid_argument for upstreams that contradict each other (UpstreamTable).
  /// `store` and `metrics` outlive it; it outlives the server that calls it and every answer the
  /// store still owes.
  Registry(Options options, Store& store, const metrics::Metrics& metrics);
  // The handlers refer to its options.
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, std::string_view peer) override;

 private:
  /// For resources of no upstream; false for the others.
  bool answer_here(http::Exchange& exchange, Call& call) const;
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
