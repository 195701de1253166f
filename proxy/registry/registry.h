// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/api/object_cache.h"
#include "metrics/access_log.h"
#include "metrics/metrics.h"
#include "proxy/access/denials.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/published.h"
#include "proxy/registry/blob_handler.h"
#include "proxy/registry/manifest_handler.h"
#include "proxy/registry/referrers_handler.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/reply/reporter.h"
#include "proxy/registry/reply/target.h"
#include "proxy/registry/request/options.h"
#include "proxy/registry/request/upstream_table.h"
#include "proxy/registry/tags_handler.h"
#include "proxy/registry/usage/usage.h"

namespace entrepot::registry {

/// The registry API for clients. Routes each request to the handler of its resource, answers the
/// others itself, and reports the end of each exchange to log and metrics. One object serves all
/// loops.
class Registry final : public http::Handler {
 public:
  /// Throws std::invalid_argument for contradictory upstreams (UpstreamTable). `cache` and
  /// `metrics` must outlive the registry. The registry must outlive the server that calls it and
  /// all pending answers of the cache. `loops`: of the servers that call it; they outlive it.
  Registry(const Options& options, cache::ObjectCache& cache, const metrics::Metrics& metrics,
           std::vector<loop::Loop*> loops = {});
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry() override;

  /// Throws as the constructor if use() cannot take `options`. Any thread.
  void verify(const Options& options) const { static_cast<void>(names_of(options)); }
  /// Answers by the names of `options` from now on, and writes the access log as they say. Requests
  /// in progress keep the upstream that they have begun with. REQUIRES: Metrics has the upstreams.
  /// One thread at a time.
  void use(const Options& options);

  /// Refuses the repositories of `denials` from now on, on every listener. One thread at a time.
  void deny(std::shared_ptr<const access::Denials> denials);

  /// Answers without asking who sent the request. Guard takes the same steps one by one.
  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, const http::Peer& peer) override;
  void forwarding_failed(metrics::Forwarding reason, const http::Peer& proxy) override;

  /// The use by clients.
  const Usage& usage() const { return usage_; }

  // The steps of an answer.
  /// Parses the request into a new Call, which it attaches. Null: it has replied.
  Call* begin(http::Exchange& exchange) const;
  /// Whether the client itself names a registry of this mirror: the path begins with it, or is the
  /// ping of a login. Engines that use this as a mirror do not. REQUIRES: begin().
  bool is_direct(const http::Request& request, const Call& call) const;
  /// Whether the request is about the mirror itself, and about no upstream. REQUIRES: begin().
  bool is_local(const Call& call) const;
  /// REQUIRES: is_local().
  void answer_locally(http::Exchange& exchange, Call& call) const;
  /// Selects the upstream and the repository. REQUIRES: not is_local().
  std::optional<Refusal> select(const http::Exchange& exchange, Call& call) const;
  /// Whether an operator has denied the repository by command. REQUIRES: select() without a
  /// refusal.
  bool denies(const Call& call) const {
    return denials_.get().denies(call.upstream->name, call.repository);
  }
  /// Refuses a request because of a deny list, and counts it.
  void refuse_denied(http::Exchange& exchange, Call& call) const;
  /// Answers from the cache. REQUIRES: select() without a refusal, and not denies().
  void dispatch(const http::ExchangePtr& exchange, Call& call) const;

 private:
  /// The settings that a reload replaces: names of upstreams, the default one, and the catalog.
  struct Names;

  std::shared_ptr<const Names> names_of(const Options& options) const;
  bool known_prefix(const Call& call) const;
  void answer_ping(http::Exchange& exchange, Call& call) const;
  void answer_catalog(http::Exchange& exchange, Call& call) const;

  const UpstreamTable& upstreams() const;

  const std::string id_;
  const metrics::Metrics& metrics_;
  Usage usage_;
  loop::Published<Names> names_;
  loop::Published<access::Denials> denials_;
  const ManifestHandler manifests_;
  const BlobHandler blobs_;
  const TagsHandler tags_;
  const ReferrersHandler referrers_;
  Reporter reporter_;
};

}  // namespace entrepot::registry
