// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/app/changes.h"
#include "proxy/app/loop_lag.h"
#include "proxy/app/threads.h"
#include "proxy/app/upstream_uses.h"
#include "proxy/registry/request/options.h"
#include "proxy/upstream/account/account_record.h"
#include "proxy/upstream/upstream_source.h"

namespace entrepot::app {

/// The upstream client of each fetch loop, and questions to all of them at once. Constructed and
/// destroyed on the main thread, while no loop runs.
class FetchSources {
 public:
  /// `id` names this process in requests to upstreams (registry::Options::id). `threads` and
  /// `metrics` outlive this; `config` is read here only. Throws std::runtime_error if an upstream
  /// or a CA file cannot be used.
  FetchSources(const conf::Config& config, std::string id, Threads& threads,
               const metrics::Metrics& metrics);
  FetchSources(const FetchSources&) = delete;
  FetchSources& operator=(const FetchSources&) = delete;

  /// The homes of the cache: one for each fetch loop.
  std::vector<cache::Cache::HomeParts> homes() const;
  /// Lets `lag` measure the fetch loops; each round also updates the gauges of their sources.
  /// Before LoopLag::begin().
  void watch(LoopLag& lag) const;

  /// Gives each source the measurements of an earlier process. Before the loops start.
  void recall(const upstream::Reports& known);
  /// Returns the function that gives the sources and the metrics the upstreams of `next`, which
  /// differ by `changes`; call it at most once, while this exists. Control loop only. Throws
  /// std::runtime_error if it cannot be used.
  std::function<void()> prepare(const conf::Config& next, const Changes& changes);
  /// Lets requests that begin by `names` use their upstream until they end, whether or not the
  /// configuration still has it by then. Control loop only, or before it runs.
  void hold_for(registry::Options& names);

  /// The measurements that all sources have of their endpoints, merged. Null if a loop does not
  /// answer within 5 s or the threads end. Blocks; any thread but the loops.
  std::optional<upstream::Reports> reports();
  /// The same after Threads::end_loops(), on the main thread.
  upstream::Reports final_reports() const;

 private:
  upstream::Options options_of(const conf::Config& config);
  /// Throws as prepare().
  void try_out(const upstream::Options& options);
  void forget(const std::string& upstream);

  const std::string id_;
  Threads& threads_;
  upstream::AccountRecords account_records_;
  const metrics::Metrics& metrics_;
  // For prepare(). It never runs. Made at the start, because libevent ends the process if it finds
  // no descriptor for a loop.
  loop::Loop unused_loop_{"reload"};
  std::vector<std::unique_ptr<upstream::UpstreamSource>> sources_;  // as Threads::fetch()
  UpstreamUses uses_;
};

}  // namespace entrepot::app
