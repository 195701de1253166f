// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

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
  /// Runs a job where it may block; false where too many wait already.
  std::function<bool(std::function<void()>)> work;
  /// Names, in lower case, by which this listener may be asked besides addresses and "localhost".
  std::vector<std::string> hosts;
};

/// The admin listener: /metrics, /healthz (the process lives and its loop turns), /readyz (clients
/// may be sent here), and /api/v1/. GET and HEAD only, but for the last. Who asks by a name that is
/// not ours may be a browser's page whose own name was made to lead here (DNS rebinding) and is
/// refused, but for the two probes.
/// Changes nothing after construction; its calls come on the admin loop.
class AdminHandler final : public http::Handler {
 public:
  /// `metrics` outlives it.
  AdminHandler(Options options, const metrics::Metrics& metrics);

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, std::string_view peer) override;

 private:
  bool is_ours(std::string_view host) const;
  void answer_metrics(http::Exchange& exchange) const;
  void answer_api(const http::ExchangePtr& exchange) const;
  /// Of the API, or 500 where it throws: the client has an answer in any case.
  ApiAnswer ask_api(http::Method method, std::string_view path, std::string_view query) const;
  void answer_ready(http::Exchange& exchange) const;

  const Options options_;
  const metrics::Metrics& metrics_;
};

}  // namespace entrepot::admin
