// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/mirror.h"

#include <chrono>
#include <csignal>
#include <random>
#include <utility>

#include "cache/index/layout.h"
#include "conf/named_files.h"
#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/joined.h"
#include "proxy/app/process.h"
#include "proxy/app/restart_keys/restart_keys.h"
#include "proxy/http/listen/unix_socket.h"
#include "proxy/registry/request/via.h"

namespace entrepot::app {
namespace {

/// The start, including that of the index unless it is a very large one.
constexpr std::chrono::seconds start_time{5};
/// The process before serves meanwhile.
constexpr std::chrono::seconds key_patience{10};

std::string random_id() {
  std::random_device random;
  return fmt::format("{}{:08x}{:08x}", registry::mirror_prefix, random(), random());
}

registry::Options options_of_registry(const conf::Config& config, const std::string& id,
                                      FetchSources& sources) {
  auto options = registry_options(config);
  options.id = id;
  sources.hold_for(options);
  return options;
}

/// For the service manager. Unix sockets would outlive their files, which this process removes at
/// its end.
std::vector<int> stored_sockets(const std::vector<Handover::Listener>& listeners) {
  std::vector<int> sockets;
  for (const auto& listener : listeners)
    if (!http::socket_path(listener.address))
      sockets.insert(sockets.end(), listener.sockets.begin(), listener.sockets.end());
  return sockets;
}

/// Returns when the listeners accept. The loop runs, and may have reloaded the configuration.
void start(loop::Loop& control, ClientListeners& listeners) {
  std::promise<void> started;
  control.post([&] {
    listeners.start();
    started.set_value();
  });
  started.get_future().wait();
}

/// Waits until the keys of issuers have been fetched, or cannot be. The loop runs.
void fetch_keys(loop::Loop& control, ClientListeners& listeners) {
  const auto fetched = std::make_shared<std::promise<void>>();
  control.post(
      [&listeners, fetched] { listeners.begin_fetching([fetched] { fetched->set_value(); }); });
  fetched->get_future().wait_for(key_patience);
}

std::string names_of_upstreams(const conf::Config& config) {
  std::vector<std::string> names;
  for (const auto& upstream : config.upstreams) names.push_back(upstream.name);
  return joined(names);
}

void open_log_again() {
  if (log::reopen()) return;
  log::warn("SIGUSR1: there is no access log to open again (log.access_file is not set)");
}

}  // namespace

Mirror::Mirror(const conf::Config& config, const metrics::Metrics& metrics,
               std::function<conf::Loaded()> load, NotifierOptions notify,
               InheritedSockets inherited)
    : Mirror(config, metrics, std::move(load), std::move(notify), random_id()) {
  assemble(metrics, inherited);  // if it throws, ~Mirror() takes down what there is
}

Mirror::Mirror(const conf::Config& config, const metrics::Metrics& metrics,
               std::function<conf::Loaded()> load, NotifierOptions notify, const std::string& id)
    : config_(config),
      threads_(config.threads, metrics),
      loop_lag_(threads_.control(), metrics),
      sources_(config, id, threads_, metrics),
      memory_(cache::Layout(config.cache.directory).endpoints(), clock_, threads_.control(),
              threads_.admin_pool(), [this] { return sources_.reports(); }),
      registry_(options_of_registry(config, id, sources_), cache_, metrics, threads_.serve_loops()),
      logins_(threads_.login_pool(), metrics),
      admin_({.unready = [this] { return unready(); },
              .refused_configuration = [this] { return reload_.refusal(); },
              .read_only = [this] { return gave_up(); },
              .connections = [this] { return listeners_->connections(); },
              .listeners = [this] { return listeners_->addresses(); },
              .upstreams = [this] { return reload_.upstreams(); },
              .deny = [this](auto denials) { registry_.deny(std::move(denials)); },
              .usage =
                  [this](auto by, auto hours) {
                    return registry_.usage().report(by, hours,
                                                    [this] { return threads_.ending(); });
                  },
              .restart_state =
                  [this] {
                    return restart_state_json({restart_keys(config_), conf::stale_files(config_)});
                  }},
             threads_, sources_, cache_, metrics),
      signals_(threads_.control(), [this](int signal) { on_signal(signal); }),
      notifier_(std::move(notify)),
      cache_(cache_options(config), clock_, metrics, threads_.store_pool(), sources_.homes(),
             [this] { threads_.control().post([this] { restart(); }); }),
      reload_(config, std::move(load),
              {.control = threads_.control(),
               .workers = threads_.worker_loops(),
               .prepare = [this](const conf::Config& next) { return listeners_->prepare(next); },
               .sources = sources_,
               .cache = cache_,
               .registry = registry_,
               .metrics = metrics}) {}

Mirror::~Mirror() { take_down(); }

void Mirror::assemble(const metrics::Metrics& metrics, InheritedSockets& inherited) {
  sources_.recall(memory_.load());
  admin_.open_denials(cache::Layout(config_.cache.directory).denials());
  for (const auto& loop : threads_.serve()) loop_lag_.watch(*loop, metrics::LoopRole::serve);
  sources_.watch(loop_lag_);
  loop_lag_.watch(threads_.control(), metrics::LoopRole::admin, [this] { admin_.note_figures(); });
  listeners_ = std::make_unique<ClientListeners>(
      config_, inherited,
      ListenerParts{.control = threads_.control(),
                    .loops = threads_.serve_loops(),
                    .readers = threads_.store_pool(),
                    .keys = threads_.keys_pool(),
                    .registry = registry_,
                    .logins = logins_,
                    .operators = admin_.logins(),
                    .metrics = metrics,
                    .use_for_admin = [this](const auto& settings, const auto& config) {
                      admin_.use(settings, config);
                    }});
  admin_.listen(config_, inherited, listeners_->admin());
  inherited.remove_files();
  handover_ = std::make_unique<Handover>(threads_.control(), config_.cache.directory,
                                         notifier_.managed(), handed_service(), metrics);
}

/// Ends everything that runs, in the order that its users need. By now run() has ended the flights
/// (Cache::stop()), which posted their last answers to the serve loops. The destructors that follow
/// find no thread, and run in reverse order of declaration.
void Mirror::take_down() {
  // The listeners end while the loops still run: a connection is destroyed on its loop, after the
  // last answers posted to it. The admin listener reads the state of the others and ends first.
  admin_.end();
  listeners_.reset();
  threads_.end_loops();
  // From here on this thread stands in for the loops.
  loop_lag_.end();
  // The cache's own work runs on the store pool, whose jobs the admin pool may wait for.
  cache_.end_background();
  threads_.end_small_pools();
  if (!gave_up()) memory_.save(sources_.final_reports());
  threads_.end_store_pool();
  threads_.drop_posted();
}

bool Mirror::run(const std::function<void()>& accepting) {
  threads_.start_loops();
  if (accepting) fetch_keys(threads_.control(), *listeners_);
  start(threads_.control(), *listeners_);
  admin_.start();
  if (accepting) accepting();
  threads_.control().post([this] { serve(); });
  auto stopped = stopped_.get_future();
  if (stopped.wait_for(start_time) == std::future_status::timeout) drop_startup_pages();
  stopped.wait();
  return restart_;
}

void Mirror::serve() {
  if (phase_.is(Phase::made)) phase_.enter(Phase::serving);
  if (phase_.is(Phase::serving)) handover_->listen();
  log::info("{}; cache in {}; upstreams {}", status(), config_.cache.directory.string(),
            names_of_upstreams(config_));
  if (!phase_.is(Phase::ending)) memory_.start();
  loop_lag_.begin();
  start_watchdog();
  if (!phase_.is(Phase::serving)) return;
  listeners_->watch_files();
  listeners_->begin_fetching();
  notifier_.store(stored_sockets(listeners()));
  notifier_.ready(status());
}

std::vector<Handover::Listener> Mirror::listeners() const {
  auto all = listeners_->sockets();
  for (auto& one : admin_.sockets()) all.push_back(std::move(one));
  return all;
}

std::string Mirror::status() const {
  return fmt::format("listening on {}; {}", joined(addresses()),
                     admin_address().empty() ? "no admin listener" : "admin on " + admin_address());
}

/// The watchdog runs until the threads end, since draining may hang, too.
void Mirror::start_watchdog() {
  const auto interval = notifier_.alive_every();
  if (interval.count() == 0) return;
  watchdog_ = std::make_unique<Watchdog>(threads_.control(), threads_.worker_loops(), interval,
                                         [this] { notifier_.alive(); });
}

Handover::Service Mirror::handed_service() {
  return {.obstacle = [this]() -> std::string_view {
            if (phase_.is(Phase::made)) return "it is starting itself";
            if (stopping()) return "it is ending already";
            return cache_.healthy() || gave_up() ? "" : "its index has failed; stop it instead";
          },
          .listeners = [this] { return listeners(); },
          // The measurements of endpoints go with it.
          .give_up_cache =
              [this](const std::function<void(bool)>& done) {
                memory_.stop();
                cache_.end_background();  // long jobs of the pools
                threads_.admin_pool().post([this, done] {
                  if (const auto reports = sources_.reports()) memory_.save(*reports);
                  cache_.give_up(threads_.control(), [this, done](bool given_up) {
                    done(given_up);
                    // The cache has stopped its own work for it.
                    if (!given_up) restart();
                  });
                });
              },
          .handed_over =
              [this](int pid) {
                notifier_.main_process(pid);
                watchdog_.reset();
                admin_.drain();
                // The handover still answers the other process.
                threads_.control().post([this] {
                  if (!stopping()) drain_listeners(Phase::replaced);
                });
              }};
}

std::string_view Mirror::unready() const {
  if (phase_.is(Phase::made)) return "starting";
  if (!phase_.is(Phase::serving)) return "draining";
  if (gave_up()) return handover_->unready();
  if (!cache_.healthy()) return "the cache index takes no writes";
  return {};
}

void Mirror::on_signal(int signal) {
  if (signal == SIGTERM || signal == SIGINT) return begin_drain();
  if (signal == SIGCHLD) return handover_->child_ended();
  if (signal == SIGUSR1) return open_log_again();
  if (stopping()) return;
  if (signal == SIGUSR2) return handover_->start_successor();
  if (signal == SIGHUP) reload();
}

void Mirror::reload() {
  if (!reload_.enabled()) return;
  if (gave_up())
    return log::error(
        "SIGHUP: nothing is read, because another process has the cache; replace or restart this "
        "one");
  notifier_.reloading();
  const auto sockets = stored_sockets(listeners());
  reload_.run([this](bool done) {
    if (!phase_.is(Phase::serving)) return;
    notifier_.ready(done ? status() : status() + "; the last SIGHUP was refused, see the log");
  });
  // The service manager would keep the socket of a removed listener open.
  if (auto now = stored_sockets(listeners()); now != sockets) notifier_.store(now);
  listeners_->watch_files();
}

void Mirror::drain() {
  threads_.control().post([this] { begin_drain(); });
}

/// The cache wants another process to take this one's place.
void Mirror::restart() {
  if (stopping()) return;
  restart_ = true;
  begin_drain();
}

void Mirror::begin_drain() {
  if (phase_.is(Phase::replaced)) return;
  if (stopping()) return end_flights("told twice to stop");
  notifier_.stopping("draining");
  drain_listeners(Phase::draining);
}

void Mirror::drain_listeners(Phase phase) {
  phase_.enter(phase);
  const auto next = handover_->has_next() ? http::Next::listens : http::Next::none;
  listeners_->end_fetching();
  handover_->stop();
  const auto time = listeners_->drain_time();
  log::info("draining: replies in progress have {} ms", time.count());
  drain_timer_ =
      threads_.control().after(time, [this] { end_flights("the time to drain is over"); });
  listeners_->drain(next, [this] { end_flights({}); });
}

void Mirror::end_flights(std::string_view reason) {
  if (phase_.is(Phase::ending)) return;
  phase_.enter(Phase::ending);
  drain_timer_.reset();
  memory_.stop();
  if (!reason.empty()) {
    log::warn("{}: cutting {} connections", reason, listeners_->connections());
    listeners_->close();
  }
  cache_.stop(threads_.control(), [this] { stopped_.set_value(); });
}

}  // namespace entrepot::app
