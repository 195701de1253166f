// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"

#include <utility>

#include "metrics/exception.h"
#include "metrics/log.h"
#include "metrics/printable.h"
#include "proxy/admin/admin_call.h"
#include "proxy/loop/loop.h"

namespace entrepot::admin {
namespace {

constexpr std::string_view plain = "text/plain; charset=utf-8";
constexpr std::string_view json = "application/json";
constexpr std::string_view exposition = "text/plain; version=0.0.4; charset=utf-8";

void answer(http::Exchange& exchange, http::ReplyHead head, std::string_view type,
            std::string_view body) {
  // Health and counters are of this moment.
  head.add("Content-Type", type).add("Cache-Control", "no-store");
  exchange.reply(head, body);
}

}  // namespace

AdminHandler::AdminHandler(Options options, const metrics::Metrics& metrics)
    : options_(std::move(options)), metrics_(metrics) {}

void AdminHandler::handle(const http::ExchangePtr& exchange) {
  const auto& request = exchange->request();
  const auto path = request.path();
  const bool is_probe = path == "/healthz" || path == "/readyz";
  if (path.starts_with("/api/v1/")) {
    answer_api(exchange);
  } else if (path != "/metrics" && !is_probe) {
    answer(*exchange, http::ReplyHead(404), plain,
           "nothing here; there are /metrics, /healthz, /readyz, /api/v1/status, "
           "/api/v1/upstreams and /api/v1/cache\n");
  } else if (request.method() != http::Method::get && !request.is_head()) {
    http::ReplyHead head(405);
    head.add("Allow", "GET, HEAD");
    answer(*exchange, std::move(head), plain, "only GET and HEAD\n");
  } else if (path == "/metrics") {
    answer_metrics(*exchange);
  } else if (path == "/readyz") {
    answer_ready(*exchange);
  } else {
    answer(*exchange, http::ReplyHead(200), plain, "ok\n");
  }
}

void AdminHandler::answer_metrics(http::Exchange& exchange) const {
  options_.before_scrape();
  answer(exchange, http::ReplyHead(200), exposition, metrics_.text());
}

void AdminHandler::answer_api(const http::ExchangePtr& exchange) const {
  const auto& request = exchange->request();
  const std::string& by = AdminCall::of(*exchange).by;
  const bool taken = options_.work(
      [this, held = exchange, path = std::string(request.path()), by,
       work = options_.api({request.method(), request.path(), request.query(), by})]() mutable {
        auto& executor = held->executor();
        auto made = done(work, path);
        if (!made.change.empty()) log::info("cache: {}, at the request of {}", made.change, by);
        executor.post([held = std::move(held), made = std::move(made)] {
          answer(*held, http::ReplyHead(made.status), json, made.body);
        });
      });
  if (!taken)
    answer(*exchange, http::ReplyHead(503), json, "{\"error\":\"too many requests wait\"}\n");
}

ApiAnswer AdminHandler::done(const ApiWork& work, const std::string& path) const {
  try {
    return work();
  } catch (...) {
    count_failed_job("the answer to " + printable(path),
                     metrics_.job_failures(metrics::JobPool::admin));
    return {500, "{\"error\":\"this failed; the log says why\"}\n"};
  }
}

void AdminHandler::answer_ready(http::Exchange& exchange) const {
  const auto reason = options_.unready();
  if (reason.empty())
    answer(exchange, http::ReplyHead(200), plain, "ready\n");
  else
    answer(exchange, http::ReplyHead(503), plain, std::string(reason) + "\n");
}

// Scrapes and probes would drown the access log and the request metrics of clients.
void AdminHandler::finished(const http::Exchange&, const http::ReplyStats&) {}

std::string AdminHandler::refused(int /*status*/, std::string_view reason,
                                  const http::Peer& /*peer*/) {
  return "{\"error\":\"" + std::string(reason) + "\"}\n";
}

}  // namespace entrepot::admin
