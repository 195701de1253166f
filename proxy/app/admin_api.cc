// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/admin_api.h"

#include <chrono>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/deny/deny_api.h"
#include "proxy/app/listeners/client_listener.h"
#include "proxy/app/status/reports_json.h"
#include "proxy/app/status/status.h"
#include "proxy/app/usage/usage_api.h"

namespace entrepot::app {
namespace {

/// One piece of a check of the cache takes about a second.
constexpr std::size_t max_queued_jobs = 100;

admin::ApiWork refusal(int status, const char* why) {
  return [status, why] {
    return admin::ApiAnswer{status, "{\"error\":\"" + std::string(why) + "\"}\n"};
  };
}

}  // namespace

AdminApi::AdminApi(State state, Threads& threads, FetchSources& sources, cache::Cache& cache,
                   const metrics::Metrics& metrics)
    : state_(std::move(state)),
      threads_(threads),
      sources_(sources),
      cache_(cache),
      metrics_(metrics),
      logins_(threads.operators_pool(), metrics),
      handler_(handler_options(), metrics),
      guard_(handler_, logins_, metrics) {}

admin::Options AdminApi::handler_options() {
  return {.unready = state_.unready,
          .before_scrape = [this] { update_gauges(); },
          .api = [this](const admin::ApiRequest& request) { return work_for(request); },
          .work = [this](std::function<void()> job) { return run_on_admin_pool(std::move(job)); }};
}

void AdminApi::listen(const conf::Config& config, InheritedSockets& inherited,
                      const std::optional<AdminSettings>& settings) {
  if (!settings) return;
  const auto& listener = config.admin->listener;
  auto options = admin_options(config, listener.address);
  options.socket_mode = listener.mode;
  options.inherited = inherited.take(listener.address);
  options.tls = settings->context;
  options.tls_metrics = metrics_.tls();
  options.handler_failures = metrics_.job_failures(metrics::JobPool::admin);
  guard_.use(settings->doors);
  server_ =
      std::make_unique<http::Server>(std::move(options), std::vector{&threads_.control()}, guard_);
  server_->listen();
  configured_ = listener.address;
  address_ = (settings->context ? "https://" : "") + with_port(configured_, server_->port());
  log_certificates(address_, settings->context.get());
}

void AdminApi::use(const AdminSettings& settings, const conf::Config& config) {
  guard_.use(settings.doors);
  server_->bound(admin_options(config, configured_));
  if (settings.context) server_->renew(settings.context);
}

std::vector<Handover::Listener> AdminApi::sockets() const {
  if (server_ == nullptr) return {};
  return {{configured_, server_->sockets()}};
}

void AdminApi::drain() {
  if (server_) server_->drain(http::Next::listens, [] {});
}

void AdminApi::start() {
  if (server_) server_->start();
}

void AdminApi::end() { server_.reset(); }

bool AdminApi::run_on_admin_pool(std::function<void()> job) {
  if (threads_.admin_pool().queued() >= max_queued_jobs) return false;
  threads_.admin_pool().post(std::move(job));
  return true;
}

void AdminApi::update_gauges() const {
  metrics_.connections().set(static_cast<double>(state_.connections()));
  const auto damaged = !denials_->damage().empty();
  metrics_.logins().denials().set(damaged ? std::numeric_limits<double>::quiet_NaN()
                                          : static_cast<double>(denials_->list()->list().size()));
  metrics_.store_jobs_queued().set(static_cast<double>(threads_.store_pool().queued()));
}

void AdminApi::note_figures() {
  const auto now = std::chrono::steady_clock::now();
  if (hour_.due(now)) hour_.add(now, metrics::counts_of(metrics_));
}

void AdminApi::open_denials(const std::filesystem::path& file) {
  denials_ = std::make_unique<DenialStore>(file, state_.deny);
}

admin::ApiWork AdminApi::work_for(const admin::ApiRequest& request) {
  const auto [method, path, query, by] = request;
  const bool reads = method == http::Method::get || method == http::Method::head;
  if (!reads && state_.read_only())
    return refusal(503, "another process has the cache; ask that one");
  if (path == deny_path) return deny(request);
  const bool is_status = path == "/api/v1/status";
  const bool is_restart_keys = path == "/api/v1/restart-keys";
  const bool is_usage = path == usage_path;
  if (!is_status && !is_restart_keys && !is_usage && path != "/api/v1/upstreams")
    return [this, method = method, path = std::string(path), query = std::string(query)] {
      return admin::answer_cache_api(cache_.admin(), method, path, query);
    };
  if (!reads) return refusal(405, "only GET and HEAD");
  if (is_usage) return usage(query);
  if (is_restart_keys)
    return [this]() -> admin::ApiAnswer { return {200, state_.restart_state()}; };
  return is_status ? status() : upstreams();
}

admin::ApiWork AdminApi::deny(const admin::ApiRequest& request) {
  return [this, asked = DenyRequest{request.method, std::string(request.query),
                                    std::string(request.by), state_.upstreams()}] {
    return answer_deny_api(*denials_, asked);
  };
}

admin::ApiWork AdminApi::usage(std::string_view query) {
  return [this, query = std::string(query)]() -> admin::ApiAnswer {
    const auto parsed = parse_usage_query(query);
    if (const auto* refused = std::get_if<admin::ApiAnswer>(&parsed)) return *refused;
    const auto& asked = std::get<UsageQuery>(parsed);
    if (auto report = state_.usage(asked.by, asked.hours))
      return usage_answer(*std::move(report), asked);
    return refusal(503, "the serve loops do not answer; the process is ending or overloaded")();
  };
}

admin::ApiWork AdminApi::upstreams() {
  return [this]() -> admin::ApiAnswer {
    if (const auto reports = sources_.reports()) return {200, reports_json(*reports)};
    return refusal(503, "the fetch loops do not answer; the process is ending or overloaded")();
  };
}

admin::ApiWork AdminApi::status() {
  const auto now = std::chrono::steady_clock::now();
  Status status{
      .unready = std::string(state_.unready()),
      .uptime = std::chrono::duration_cast<std::chrono::seconds>(now - started_at_),
      .refused_configuration = state_.refused_configuration(),
      .listeners = state_.listeners(),
      .admin = address_,
      .connections = state_.connections(),
      .last_request = metrics_.clients().latest(now),
      .denials = denials_->list()->list().size(),
      .denials_unreadable = denials_->damage(),
      .flights = metrics_.flights().value(),
      .hour = hour_.until(now, metrics::counts_of(metrics_)),
  };
  return [this, status = std::move(status)]() mutable -> admin::ApiAnswer {
    status.cache = cache_.admin().stats();
    status.upstreams = sources_.reports();
    status.lines = log::latest_lines();
    return {200, status_json(status)};
  };
}

}  // namespace entrepot::app
