// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "metrics/metrics.h"
#include "proxy/admin/cache_api.h"
#include "proxy/http/exchange.h"

namespace entrepot::admin {

/// A request of the API. Views: valid during the call.
struct ApiRequest {
  http::Method method;
  std::string_view path;
  std::string_view query;
  std::string_view by;  ///< who wants to change something, safe for a terminal; empty for GET
};

/// Makes an answer of the API. May block.
using ApiWork = std::function<ApiAnswer()>;

/// Sources of the admin listener's answers. All functions are called on the admin loop and must not
/// block.
struct Options {
  /// The reason why the process is not ready for requests ("draining"); empty if it is.
  std::function<std::string_view()> unready;
  /// Updates the gauges that are computed on demand; called before each scrape.
  std::function<void()> before_scrape;
  /// The work that answers a request below /api/v1/; for another thread.
  std::function<ApiWork(const ApiRequest&)> api;
  /// Runs a job on a thread that may block; false if too many jobs wait already.
  std::function<bool(std::function<void()>)> work;
};

/// The answers of the admin listener to those that AdminGuard lets in: /metrics, /healthz (the
/// process and its loops run), /readyz (ready for requests of clients), and /api/v1/. All but the
/// API accept GET and HEAD only. Each change through the API has a line of the log, which names the
/// client. Immutable after construction; called on the admin loop.
class AdminHandler final : public http::Handler {
 public:
  /// `metrics` outlives it.
  AdminHandler(Options options, const metrics::Metrics& metrics);

  void handle(const http::ExchangePtr& exchange) override;
  void finished(const http::Exchange& exchange, const http::ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, const http::Peer& peer) override;

 private:
  void answer_metrics(http::Exchange& exchange) const;
  void answer_api(const http::ExchangePtr& exchange) const;
  /// The answer of `work`; 500 if it throws, so that the client always gets an answer.
  ApiAnswer done(const ApiWork& work, const std::string& path) const;
  void answer_ready(http::Exchange& exchange) const;

  const Options options_;
  const metrics::Metrics& metrics_;
};

}  // namespace entrepot::admin
