// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/admin_api.h"

#include <utility>
#include <vector>

#include "proxy/app/command/component_options.h"
#include "proxy/app/endpoint_memory.h"
#include "proxy/app/listeners/client_listener.h"

namespace entrepot::app {
namespace {

/// One piece of a check of the cache takes about a second.
constexpr std::size_t max_queued_jobs = 100;

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
          .api = [this](http::Method method, std::string_view path,
                        std::string_view query) { return answer(method, path, query); },
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

void AdminApi::use(const AdminSettings& settings) {
  guard_.use(settings.doors);
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
  metrics_.store_jobs_queued().set(static_cast<double>(threads_.store_pool().queued()));
}

admin::ApiAnswer AdminApi::answer(http::Method method, std::string_view path,
                                  std::string_view query) {
  const bool reads = method == http::Method::get || method == http::Method::head;
  if (!reads && state_.read_only())
    return {503, "{\"error\":\"another process has the cache; ask that one\"}\n"};
  if (path != "/api/v1/upstreams")
    return admin::answer_cache_api(cache_.admin(), method, path, query);
  if (!reads) return {405, "{\"error\":\"only GET and HEAD\"}\n"};
  if (const auto reports = sources_.reports()) return {200, reports_json(*reports)};
  return {503,
          "{\"error\":\"the fetch loops do not answer; the process is ending or overloaded\"}\n"};
}

}  // namespace entrepot::app
