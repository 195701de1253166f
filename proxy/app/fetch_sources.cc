// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/fetch_sources.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "proxy/app/command/component_options.h"
#include "proxy/app/endpoint_memory.h"

namespace entrepot::app {
namespace {

constexpr std::chrono::seconds report_timeout{5};
constexpr std::chrono::milliseconds report_step{50};

}  // namespace

FetchSources::FetchSources(const conf::Config& config, std::string id, Threads& threads,
                           const metrics::Metrics& metrics)
    : id_(std::move(id)),
      threads_(threads),
      metrics_(metrics),
      uses_(threads.control(), [this](const std::string& upstream) { forget(upstream); }) {
  for (const auto& loop : threads_.fetch())
    sources_.push_back(
        std::make_unique<upstream::UpstreamSource>(*loop, options_of(config), metrics_));
}

upstream::Options FetchSources::options_of(const conf::Config& config) {
  auto options = upstream_options(config);
  options.id = id_;
  options.readers = &threads_.store_pool();
  options.account_records = &account_records_;
  return options;
}

std::vector<cache::Cache::HomeParts> FetchSources::homes() const {
  std::vector<cache::Cache::HomeParts> homes;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    homes.push_back({threads_.fetch()[i].get(), sources_[i].get()});
  return homes;
}

void FetchSources::watch(LoopLag& lag) const {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    lag.watch(*threads_.fetch()[i], metrics::LoopRole::fetch,
              [&source = *sources_[i]] { source.publish_gauges(); });
}

void FetchSources::recall(const upstream::Reports& known) {
  for (const auto& source : sources_) source->recall(known);
}

/// A source that nobody uses shows whether libcurl accepts the options, before anything changes. It
/// must not touch the series of the endpoints that it shares with those in use, nor what is known
/// of their accounts.
void FetchSources::try_out(const upstream::Options& options) {
  const metrics::Metrics unused_metrics({});
  auto unused_options = options;
  unused_options.account_records = nullptr;
  static_cast<void>(upstream::UpstreamSource(unused_loop_, unused_options, unused_metrics));
}

std::function<void()> FetchSources::prepare(const conf::Config& next, const Changes& changes) {
  auto options = options_of(next);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::erase_if(options.upstreams, [&](const auto& upstream) {
    return !has(changes.upstreams, upstream.name) && !has(changes.added, upstream.name);
  });
  try_out(options);
  return [this, options, labels = metric_labels(next), removed = changes.removed] {
    // New upstreams count in their series from their first request on.
    metrics::set_upstreams(metrics_, labels);
    for (std::size_t i = 0; i < sources_.size(); ++i)
      threads_.fetch()[i]->post([&source = *sources_[i], options, removed] {
        source.replace(options);
        source.retire(removed);
      });
  };
}

void FetchSources::hold_for(registry::Options& names) {
  for (auto& upstream : names.upstreams) upstream.in_use = uses_.of(upstream.name);
}

void FetchSources::forget(const std::string& upstream) {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    threads_.fetch()[i]->post([&source = *sources_[i], upstream] { source.forget(upstream); });
}

std::optional<upstream::Reports> FetchSources::reports() {
  std::vector<std::future<upstream::Reports>> requested;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto answer = std::make_shared<std::promise<upstream::Reports>>();
    requested.push_back(answer->get_future());
    threads_.fetch()[i]->post(
        [answer, &source = *sources_[i]] { answer->set_value(source.report()); });
  }
  const auto deadline = std::chrono::steady_clock::now() + report_timeout;
  std::vector<upstream::Reports> by_loop;
  for (auto& answer : requested) {
    while (answer.wait_for(report_step) != std::future_status::ready)
      if (threads_.ending() || std::chrono::steady_clock::now() > deadline) return std::nullopt;
    try {
      by_loop.push_back(answer.get());
    } catch (const std::future_error&) {  // the loop ended and destroyed the job
      return std::nullopt;
    }
  }
  return merged(by_loop);
}

upstream::Reports FetchSources::final_reports() const {
  std::vector<upstream::Reports> by_loop;
  for (const auto& source : sources_) by_loop.push_back(source->report());
  return merged(by_loop);
}

}  // namespace entrepot::app
