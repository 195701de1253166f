// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/api/source.h"
#include "metrics/metrics.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/endpoint/options.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::upstream {

/// The upstreams of one fetch loop, over libcurl. Each fetch loop has its own.
/// Made and destroyed on the loop, or while its thread does not run; used on the loop only.
class UpstreamSource : public cache::Source {
 public:
  /// `loop` and `metrics` outlive this; the labels of metrics.endpoint() are endpoint_label(url).
  /// Throws std::runtime_error naming what to do when libcurl is too old, has no resolver of its
  /// own thread, or an upstream cannot be used as configured.
  UpstreamSource(loop::Loop& loop, Options options, const metrics::Metrics& metrics);
  /// Replaces or adds the upstreams of `options`. The new ones begin without tokens and with closed
  /// circuits; running fetches end with the old ones. On the loop. Throws as the constructor does,
  /// and then nothing has changed.
  void replace(Options options);
  /// The configuration has these upstreams no more: they send no probes and are in no report.
  /// Fetches can still begin until forget(). On the loop.
  void retire(const std::vector<std::string>& names);
  /// No request that has begun before retire() is left: a further fetch from that upstream fails,
  /// unless replace() has added it again. On the loop.
  void forget(const std::string& name);
  /// REQUIRES: every Fetch has been destroyed.
  ~UpstreamSource() override;
  UpstreamSource(const UpstreamSource&) = delete;
  UpstreamSource& operator=(const UpstreamSource&) = delete;

  std::unique_ptr<cache::Fetch> fetch(cache::FetchRequest request, cache::FetchSink& sink) override;
  std::unique_ptr<cache::Fetch> list_tags(std::string upstream, std::string repository,
                                          cache::Behalf behalf, cache::ListingSink& sink) override;
  std::unique_ptr<cache::Fetch> list_referrers(std::string upstream, std::string repository,
                                               const cache::Digest& subject, cache::Behalf behalf,
                                               cache::ListingSink& sink) override;
  void report_mismatch(const std::string& upstream, const std::string& endpoint,
                       const cache::Digest& digest) override;
  bool low_on_quota(const std::string& upstream) const override;
  bool crowded(const std::string& upstream) const override;

  /// The statistics of its upstreams. On the loop.
  Reports report() const;
  /// Restores the report of another process; upstreams and endpoints that it does not have are
  /// ignored. On the loop.
  void recall(const Reports& known);
  /// Publishes the gauges that change by themselves. On the loop.
  void publish_gauges();

 private:
  using Upstreams = std::map<std::string, std::shared_ptr<Upstream>>;

  Upstreams make(Options options) const;
  /// Null for one that is forgotten: work that no client waits for may still name it.
  std::shared_ptr<Upstream> find(const std::string& name) const;

  loop::Loop& loop_;
  const metrics::Metrics& metrics_;
  Upstreams upstreams_;
  Upstreams retired_;
};

}  // namespace entrepot::upstream
