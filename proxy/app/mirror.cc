// SPDX-License-Identifier: Apache-2.0
//
// The order of ends. First Cache::stop() ends the flights and posts their last answers to the serve
// loops. Then the servers go, while their loops still turn, because connections die on their loop,
// behind those answers. Then the threads end (ThreadsEnd), and only then what they used.
#include "proxy/app/mirror.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <random>
#include <utility>

#include "cache/index/layout.h"
#include "metrics/check.h"
#include "metrics/log.h"
#include "proxy/app/changes.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/endpoint_memory.h"
#include "proxy/app/process.h"

namespace entrepot::app {
namespace {

std::string with_port(const std::string& address, std::uint16_t port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

constexpr std::chrono::seconds report_patience{5};
constexpr std::chrono::milliseconds report_step{50};
constexpr std::chrono::minutes memory_interval{5};
/// A piece of a check among them takes about a second.
constexpr std::size_t most_admin_jobs = 100;
/// The index included, unless it is a very large one.
constexpr std::chrono::seconds start_takes{5};

std::string random_id() {
  std::random_device random;
  return fmt::format("entrepot-{:08x}{:08x}", random(), random());
}

template <typename Range, typename Text>
std::string joined(const Range& range, Text text_of) {
  std::string text;
  for (const auto& each : range) text += (text.empty() ? "" : ", ") + text_of(each);
  return text;
}

}  // namespace

Mirror::Mirror(const conf::Config& config, const metrics::Metrics& metrics,
               std::function<conf::Loaded()> load, NotifierOptions notify)
    : id_(random_id()),
      config_(config),
      load_(std::move(load)),
      metrics_(metrics),
      serve_(make_loops("serve", thread_count(config.threads.serve))),
      fetch_(make_loops("fetch", thread_count(config.threads.fetch))),
      pool_("store", static_cast<std::size_t>(config.threads.store), metrics.job_failures("store")),
      admin_pool_("admin", 1, metrics.job_failures("admin")),
      sources_(make_sources()),
      registry_(registry_options(), cache_, metrics),
      admin_handler_({[this] { return unready(); }, [this] { bring_gauges_up_to_date(); },
                      [this](http::Method method, std::string_view path, std::string_view query) {
                        return answer_api(method, path, query);
                      },
                      [this](std::function<void()> job) {
                        if (admin_pool_.queued() >= most_admin_jobs) return false;
                        admin_pool_.post(std::move(job));
                        return true;
                      },
                      config.admin ? config.admin->hosts : std::vector<std::string>()},
                     metrics),
      signals_(control_, [this](int signal) { on_signal(signal); }),
      notifier_(std::move(notify)),
      cache_(cache_options(config), clock_, metrics, pool_, homes(), [this] {
        control_.post([this] {
          if (draining_) return;
          restart_ = true;
          drain_in_loop();
        });
      }) {
  current_ = config;
  conf::forget_passwords(current_);
  const auto known = load_reports(memory_file(), clock_.wall());
  for (const auto& source : sources_) source->recall(known);
  // Of each listener; the gauge beside it counts those of all.
  metrics_.connections_limit().set(
      static_cast<double>(config.limits.connections * config.listen.size()));
  watch_loops();
  listen();
}

Mirror::~Mirror() = default;

Mirror::Loops Mirror::make_loops(const std::string& name, int count) {
  Loops loops;
  for (int i = 0; i < count; ++i)
    loops.push_back(std::make_unique<loop::Loop>(name + "-" + std::to_string(i)));
  return loops;
}

Mirror::Sources Mirror::make_sources() {
  Sources sources;
  for (const auto& parts : fetch_)
    sources.push_back(
        std::make_unique<upstream::UpstreamSource>(*parts, upstream_options(config_), metrics_));
  return sources;
}

std::vector<cache::Cache::HomeParts> Mirror::homes() const {
  std::vector<cache::Cache::HomeParts> homes;
  for (std::size_t i = 0; i < fetch_.size(); ++i)
    homes.push_back({fetch_[i].get(), sources_[i].get()});
  return homes;
}

upstream::Options Mirror::upstream_options(const conf::Config& config) {
  auto options = app::upstream_options(config);
  options.id = id_;
  options.readers = &pool_;
  return options;
}

registry::Options Mirror::registry_options() const {
  auto options = app::registry_options(config_);
  options.id = id_;
  return options;
}

void Mirror::listen() {
  std::vector<loop::Loop*> loops;
  for (const auto& parts : serve_) loops.push_back(parts.get());
  for (const auto& [address] : config_.listen) {
    auto options = server_options(config_, address);
    options.readers = &pool_;
    options.turned_away = metrics_.connections_refused();
    options.client_counters = {metrics_.clients_limited("connections"),
                               metrics_.clients_limited("misses"),
                               metrics_.clients_limited("heads"), metrics_.clients_limited("slow"),
                               metrics_.clients_limited("idle")};
    options.handler_failures = metrics_.job_failures("serve");
    servers_.push_back(std::make_unique<http::Server>(std::move(options), loops, registry_));
    addresses_.push_back(with_port(address, servers_.back()->port()));
  }
  if (!config_.admin) return;
  const auto& address = config_.admin->address;
  auto options = admin_options(config_, address);
  options.handler_failures = metrics_.job_failures("admin");
  admin_server_ =
      std::make_unique<http::Server>(std::move(options), std::vector{&control_}, admin_handler_);
  admin_address_ = with_port(address, admin_server_->port());
}

bool Mirror::run() {
  for (const auto* loops : {&fetch_, &serve_})
    for (const auto& parts : *loops) parts->start();
  control_.start();
  for (const auto& server : servers_) server->start();
  if (admin_server_) admin_server_->start();
  ready_ = true;
  log::info("{}; cache in {}; upstreams {}", status(), config_.cache.directory.string(),
            joined(config_.upstreams, [](const auto& upstream) { return upstream.name; }));
  control_.post([this] {
    remember_endpoints();
    loop_lag_.begin();
    watch();
    if (!draining_) notifier_.ready(status());
  });
  auto stopped = stopped_.get_future();
  if (stopped.wait_for(start_takes) == std::future_status::timeout) drop_startup_pages();
  stopped.wait();
  return restart_;
}

std::string Mirror::status() const {
  return fmt::format("listening on {}; {}",
                     joined(addresses_, [](const auto& address) { return address; }),
                     admin_address_.empty() ? "no admin listener" : "admin on " + admin_address_);
}

/// Until the threads end: draining may be held, too.
void Mirror::watch() {
  const auto interval = notifier_.alive_every();
  if (interval.count() == 0) return;
  std::vector<loop::Loop*> loops;
  for (const auto* parts : {&serve_, &fetch_})
    for (const auto& part : *parts) loops.push_back(part.get());
  watchdog_ = std::make_unique<Watchdog>(control_, std::move(loops), interval,
                                         [this] { notifier_.alive(); });
}

std::string_view Mirror::unready() const {
  if (draining_) return "draining";
  if (!ready_) return "starting";
  if (!cache_.healthy()) return "the cache index takes no writes";
  return {};
}

std::size_t Mirror::connections() const {
  std::size_t sum = 0;
  for (const auto& server : servers_) sum += server->connections();
  return sum;
}

void Mirror::bring_gauges_up_to_date() const {
  metrics_.connections().set(static_cast<double>(connections()));
  metrics_.store_jobs_queued().set(static_cast<double>(pool_.queued()));
}

void Mirror::watch_loops() {
  for (const auto& parts : serve_) loop_lag_.watch(*parts, "serve");
  for (std::size_t i = 0; i < fetch_.size(); ++i)
    loop_lag_.watch(*fetch_[i], "fetch",
                    [&source = *sources_[i]] { source.bring_gauges_up_to_date(); });
  loop_lag_.watch(control_, "admin");
}

std::optional<upstream::Reports> Mirror::reports_of_loops() {
  std::vector<std::future<upstream::Reports>> asked;
  for (std::size_t i = 0; i < fetch_.size(); ++i) {
    const auto answer = std::make_shared<std::promise<upstream::Reports>>();
    asked.push_back(answer->get_future());
    fetch_[i]->post([answer, &source = *sources_[i]] { answer->set_value(source.report()); });
  }
  const auto until = std::chrono::steady_clock::now() + report_patience;
  std::vector<upstream::Reports> by_loop;
  for (auto& answer : asked) {
    while (answer.wait_for(report_step) != std::future_status::ready)
      if (ending_ || std::chrono::steady_clock::now() > until) return std::nullopt;
    try {
      by_loop.push_back(answer.get());
    } catch (const std::future_error&) {  // the loop has ended, and the job with it
      return std::nullopt;
    }
  }
  return merged(by_loop);
}

admin::ApiAnswer Mirror::answer_api(http::Method method, std::string_view path,
                                    std::string_view query) {
  if (path != "/api/v1/upstreams")
    return admin::answer_cache_api(cache_.admin(), method, path, query);
  if (method != http::Method::get && method != http::Method::head)
    return {405, "{\"error\":\"only GET and HEAD\"}\n"};
  if (const auto reports = reports_of_loops()) return {200, reports_json(*reports)};
  return {503,
          "{\"error\":\"the fetch loops do not answer; the process is ending or overloaded\"}\n"};
}

std::filesystem::path Mirror::memory_file() const {
  return cache::Layout(config_.cache.directory).endpoints();
}

/// Again and again, so that little is lost where the process does not end by itself.
void Mirror::remember_endpoints() {
  if (stopping_) return;
  memory_timer_ = control_.after(memory_interval, [this] {
    admin_pool_.post([this] {
      if (const auto reports = reports_of_loops())
        save_reports(memory_file(), *reports, clock_.wall());
    });
    remember_endpoints();
  });
}

void Mirror::on_signal(int signal) {
  if (signal != SIGHUP) return drain_in_loop();
  if (draining_ || !load_) return;
  notifier_.reloading();
  notifier_.ready(reload() ? status() : status() + "; the last SIGHUP was refused, see the log");
}

bool Mirror::reload() {
  try {
    auto loaded = load_();
    for (const auto& warning : loaded.warnings) log::warn("{}", warning);
    change_to(loaded.config);
    conf::forget_passwords(loaded.config);
    current_ = std::move(loaded.config);
    return true;
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines()) log::error("{}", line);
    log::error("SIGHUP: this configuration cannot be used; the one before stays");
  } catch (const std::exception& error) {
    log::error("SIGHUP: {}; the configuration before stays", error.what());
  }
  return false;
}

void Mirror::change_to(const conf::Config& next) {
  const auto changes = changes_between(current_, next);
  auto upstreams = upstream_options(next);
  std::erase_if(upstreams.upstreams, [&](const auto& upstream) {
    return std::find(changes.upstreams.begin(), changes.upstreams.end(), upstream.name) ==
           changes.upstreams.end();
  });
  // Whether libcurl can use them is seen here, before anything is changed.
  loop::Loop scratch("reload");
  static_cast<void>(upstream::UpstreamSource(scratch, upstreams, metrics_));
  for (std::size_t i = 0; i < fetch_.size(); ++i)
    fetch_[i]->post([&source = *sources_[i], upstreams] { source.replace(upstreams); });
  if (changes.cache) cache_.reconfigure(cache_options(next));
  if (changes.log_level) log::set_level(next.log.level);
  const auto text = [](const std::string& key) { return key; };
  if (!changes.later.empty())
    log::warn("SIGHUP: these count from the next start only: {}", joined(changes.later, text));
  log::info(
      "SIGHUP: {}{}", changes.none() ? "nothing has changed" : "the configuration is read anew",
      changes.upstreams.empty() ? ""
                                : "; asked as configured now: " + joined(changes.upstreams, text));
}

void Mirror::drain() {
  control_.post([this] { drain_in_loop(); });
}

void Mirror::drain_in_loop() {
  if (std::exchange(draining_, true)) return end_flights("told twice to stop");
  ready_ = false;
  notifier_.stopping("draining");
  log::info("draining: replies in progress have {} ms", config_.timeouts.drain.count());
  drain_timer_ =
      control_.after(config_.timeouts.drain, [this] { end_flights("the time to drain is over"); });
  left_to_drain_ = servers_.size();
  for (const auto& server : servers_) {
    server->drain([this] {
      control_.post([this] {
        if (--left_to_drain_ == 0) end_flights({});
      });
    });
  }
}

void Mirror::end_flights(std::string_view cut_because) {
  if (std::exchange(stopping_, true)) return;
  drain_timer_.reset();
  memory_timer_.reset();
  if (!cut_because.empty()) {
    log::warn("{}: cutting {} connections", cut_because, connections());
    for (const auto& server : servers_) server->close();
  }
  cache_.stop(control_, [this] { stopped_.set_value(); });
}

void Mirror::end_threads() {
  ending_ = true;
  for (const auto* loops : {&serve_, &fetch_})
    for (const auto& parts : *loops) parts->stop();
  control_.stop();
  for (const auto* loops : {&serve_, &fetch_})
    for (const auto& parts : *loops) parts->join();
  control_.join();
  loop_lag_.end();
  cache_.end_background();
  admin_pool_.stop();
  admin_pool_.join();
  std::vector<upstream::Reports> reports;
  for (const auto& source : sources_) reports.push_back(source->report());
  save_reports(memory_file(), merged(reports), clock_.wall());
  pool_.stop();
  pool_.join();
  // What the pool posted back last holds pieces of the cache, which goes before the loops do.
  for (const auto* loops : {&serve_, &fetch_})
    for (const auto& parts : *loops) parts->drop_posted();
  control_.drop_posted();
}

}  // namespace entrepot::app
