// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "metrics/metrics.h"
#include "proxy/admin/cache_api.h"
#include "proxy/http/exchange.h"

namespace entrepot::admin {

/// What the process says about itself. The functions are called on the admin loop and must not
/// block, but for api.
struct Options {
  /// Why this process should get no requests now ("draining"); empty while it should.
  std::function<std::string_view()> unready;
  /// Brings gauges up to date that nobody keeps so; called before each scrape.
  std::function<void()> before_scrape;
  /// Answers what is below /api/v1/; may block.
  std::function<ApiAnswer(http::Method, std::string_view path, std::string_view query)> api;
  /// Runs a job where it may block.
  std::function<void(std::function<void()>)> work;
};

/// The admin listener: /metrics, /healthz (the process lives and its loop turns), /readyz (clients
/// may be sent here), and /api/v1/. GET and HEAD only, but for the last.
/// Changes nothing after construction; its calls come on the admin loop.
class AdminHandler final : public http::Handler {
 public:
  /// `metrics` outlives it.
  AdminHandler(Options options, const metrics::Metrics& metrics);

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, std::string_view peer) override;

 private:
  void answer_metrics(http::Exchange& exchange) const;
  void answer_api(const http::ExchangePtr& exchange) const;
  void answer_ready(http::Exchange& exchange) const;

  const Options options_;
  const metrics::Metrics& metrics_;
};

}  // namespace entrepot::admin
