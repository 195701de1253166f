// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/client_listeners.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "conf/load.h"
#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/http/listener.h"
#include "proxy/http/tls/kernel.h"

namespace entrepot::app {
namespace {

using Step = ListenerPlan::Step;

bool same_proxies(const ClientListener::Proxies& one, const ClientListener::Proxies& other) {
  return one == other || (one != nullptr && other != nullptr && *one == *other);
}

void tell_of_kernel() {
  if (http::tls::kernel_has_tls())
    log::info("TLS: the kernel may encrypt replies (entrepot_tls_kernel_connections_total)");
  else
    log::info("TLS: the process encrypts replies; the kernel has no module tls");
}

http::ServerOptions options_of(const ListenerParts& parts, const conf::Config& config,
                               const conf::Listener& listener) {
  using metrics::ClientLimit;
  const metrics::Metrics& metrics = parts.metrics;
  auto options = server_options(config, listener.address);
  options.socket_mode = listener.mode;
  options.tls_metrics = metrics.tls();
  options.forwarding = metrics.forwarding();
  options.readers = &parts.readers;
  options.turned_away = metrics.connections_refused();
  options.client_counters =
      http::ClientCounters{.connections = metrics.clients().limited(ClientLimit::connections),
                           .requests = metrics.clients().limited(ClientLimit::requests),
                           .misses = metrics.clients().limited(ClientLimit::misses),
                           .heads = metrics.clients().limited(ClientLimit::heads),
                           .bandwidth = metrics.clients().limited(ClientLimit::bandwidth),
                           .slow = metrics.clients().limited(ClientLimit::slow),
                           .idle = metrics.clients().limited(ClientLimit::idle)};
  options.handler_failures = metrics.job_failures(metrics::JobPool::serve);
  return options;
}

}  // namespace

ClientListeners::ClientListeners(const conf::Config& config, InheritedSockets& inherited,
                                 ListenerParts parts)
    : parts_(std::move(parts)),
      metrics_(parts_.metrics.tls()),
      managed_(inherited.managed()),
      shares_(share_limits(config)),
      issuer_keys_(parts_.control, parts_.keys, parts_.metrics, [this] { read_again(); }),
      settings_(load_settings(config, tickets_)),
      current_(config),
      retired_(parts_.control, config.timeouts.drain) {
  conf::forget_passwords(current_);
  issuer_keys_.use(all_listeners(current_));
  for (auto* logins : {&parts_.logins, &parts_.operators})
    logins->on_missing_key(issuer_keys_.asker());
  for (const auto& warning : settings_.warnings) log::warn("{}", warning);
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    listeners_.push_back(make(config, i, settings_, inherited.take(config.listen[i].address),
                              http::Neighbours::refused));
    listeners_[i]->listen();
    tell(i);
  }
  if (!tickets_.empty()) tell_of_kernel();
  publish();
}

std::unique_ptr<ClientListener> ClientListeners::make(const conf::Config& config, std::size_t index,
                                                      const ListenerSettings& settings,
                                                      std::vector<int> sockets,
                                                      http::Neighbours neighbours) {
  auto options = options_of(parts_, config, config.listen[index]);
  options.inherited = std::move(sockets);
  options.neighbours = neighbours;
  options.tls = settings.contexts[index];
  options.trusted_proxies = settings.proxies[index];
  options.shares = &shares_;
  return std::make_unique<ClientListener>(parts_, std::move(options), settings.rules[index].rules);
}

void ClientListeners::publish() {
  addresses_.clear();
  for (const auto& listener : listeners_) addresses_.push_back(listener->name());
  auto contexts = settings_.contexts;
  if (settings_.admin) contexts.push_back(settings_.admin->context);
  metrics_.set_certificates(certificate_ends(contexts));
  // The limit holds for each listener; the gauge is their sum.
  parts_.metrics.connections_limit().set(
      static_cast<double>(current_.limits.connections * listeners_.size()));
}

void ClientListeners::tell(std::size_t index) const {
  log_certificates(listeners_[index]->name(), settings_.contexts[index].get());
}

PreparedListeners ClientListeners::prepare(const conf::Config& next) {
  parts_.control.assert_in_loop();
  conf::Config config = next;
  conf::forget_passwords(config);
  config.admin = admin_until_restart(current_.admin, next.admin);
  const auto plan = plan_listeners(current_.listen, config.listen);
  auto loaded = load_settings(config, tickets_, issuer_keys_.keys());
  // A std::function is copied.
  const auto made = std::make_shared<Made>(make_new(plan, config, loaded));
  auto prepared = changes(plan, config, loaded, *made);
  prepared.warnings = std::move(loaded.warnings);
  prepared.use = [this, plan, config, loaded, made] {
    use(plan, config, loaded, std::move(*made));
  };
  return prepared;
}

ClientListeners::Made ClientListeners::make_new(const ListenerPlan& plan,
                                                const conf::Config& config,
                                                const ListenerSettings& settings) {
  Made made(plan.entries.size());
  // An address that cannot be bound is found before anything else is opened.
  for (const Step step : {Step::add, Step::replace}) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto& entry = plan.entries[i];
      if (entry.step != step) continue;
      const auto& address = config.listen[i].address;
      std::vector<int> sockets;
      if (step == Step::replace)
        sockets = http::duplicates(address, listeners_[entry.before]->sockets());
      try {
        made[i] = make(config, i, settings, std::move(sockets), neighbours(address, plan));
      } catch (const http::ListenError& error) {
        if (!managed_ || !error.in_use()) throw;
        throw http::ListenError(std::string(error.what()) +
                                " (if a socket unit of systemd has it, restart this service, which "
                                "gets the socket at its start)");
      }
    }
  }
  return made;
}

http::Neighbours ClientListeners::neighbours(const std::string& address,
                                             const ListenerPlan& plan) const {
  const bool beside_removed = std::any_of(
      plan.removed.begin(), plan.removed.end(),
      [&](std::size_t removed) { return http::overlap(listeners_[removed]->address(), address); });
  return beside_removed || retired_.may_hold(address) ? http::Neighbours::allowed
                                                      : http::Neighbours::refused;
}

PreparedListeners ClientListeners::changes(const ListenerPlan& plan, const conf::Config& config,
                                           const ListenerSettings& settings,
                                           const Made& made) const {
  PreparedListeners changes;
  for (const auto removed : plan.removed) changes.removed.push_back(listeners_[removed]->name());
  for (std::size_t i = 0; i < plan.entries.size(); ++i) {
    const auto& [step, before] = plan.entries[i];
    if (step == Step::add) {
      changes.added.push_back(made[i]->name());
      continue;
    }
    const auto& name = (made[i] ? made[i] : listeners_[before])->name();
    const auto& context = settings.contexts[i];
    const auto& context_before = settings_.contexts[before];
    if (step == Step::replace)
      (context ? changes.with_tls : changes.without_tls).push_back(name);
    else if (context != nullptr && !same_certificates(*context_before, *context))
      changes.certificates.push_back(name);
    if (settings_.rules[before].digest != settings.rules[i].digest) changes.rules.push_back(name);
    if (!same_proxies(settings_.proxies[before], settings.proxies[i]))
      changes.proxies.push_back(name);
    if (current_.listen[before].mode != config.listen[i].mode) changes.modes.push_back(name);
  }
  add_admin_changes(settings, changes);
  return changes;
}

void ClientListeners::add_admin_changes(const ListenerSettings& settings,
                                        PreparedListeners& changes) const {
  if (!settings.admin) return;
  const auto& before = *settings_.admin;
  const auto& after = *settings.admin;
  if (after.context != nullptr && !same_certificates(*before.context, *after.context))
    changes.certificates.emplace_back("the admin listener");
  if (before.digest != after.digest) changes.rules.emplace_back("the admin listener");
}

void ClientListeners::use(const ListenerPlan& plan, const conf::Config& config,
                          const ListenerSettings& settings, Made made) {
  parts_.control.assert_in_loop();
  for (const auto& listener : made)
    if (listener) listener->listen();
  auto before = std::exchange(listeners_, std::move(made));
  const auto settings_before = std::exchange(settings_, settings);
  const auto listen_before = std::exchange(current_, config).listen;
  issuer_keys_.use(all_listeners(current_));
  shares_.set_limits(share_limits(current_));
  retired_.set_longest(current_.timeouts.drain);
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    const auto& entry = plan.entries[i];
    auto& listener = listeners_[i];
    // On each loop, the server that goes closes its sockets before the new one accepts from them.
    if (entry.step == Step::replace)
      retired_.add(std::move(before[entry.before]), http::Next::listens);
    if (entry.step != Step::keep) {
      if (started_) listener->start();
      tell(i);
      continue;
    }
    listener = std::move(before[entry.before]);
    listener->use(settings_.rules[i].rules, settings_.contexts[i], settings_.proxies[i]);
    listener->bound(server_options(current_, current_.listen[i].address));
    if (listen_before[entry.before].mode != current_.listen[i].mode)
      listener->set_mode(current_.listen[i].mode);
    const auto& context = settings_before.contexts[entry.before];
    if (context && !same_certificates(*settings_.contexts[i], *context)) tell(i);
  }
  for (const auto removed : plan.removed)
    retired_.add(std::move(before[removed]), http::Next::none);
  if (settings_.admin) parts_.use_for_admin(*settings_.admin, current_);
  publish();
}

void ClientListeners::read_again() {
  parts_.control.assert_in_loop();
  try {
    const auto prepared = prepare(current_);
    if (!prepared.changed()) return;
    for (const auto& warning : prepared.warnings) log::warn("{}", warning);
    prepared.use();
    log::info("files have changed: {}", prepared.text());
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines())
      log::error("files have changed: {}; those before stay in force", line);
  } catch (const std::exception& error) {
    log::error("files have changed: {}; those before stay in force", error.what());
  }
}

void ClientListeners::watch_files() {
  parts_.control.assert_in_loop();
  const auto watched = files_of(current_);
  if (watched.empty()) return file_watch_.reset();
  if (!file_watch_)
    file_watch_ = std::make_unique<loop::FileWatch>(parts_.control, [this] { read_again(); });
  // The files of a new folder may have changed since they were read.
  if (file_watch_->watch(watched)) read_again();
}

void ClientListeners::start() {
  parts_.control.assert_in_loop();
  started_ = true;
  for (const auto& listener : listeners_) listener->start();
}

void ClientListeners::drain(http::Next next, std::function<void()> drained) {
  parts_.control.assert_in_loop();
  file_watch_.reset();
  retired_.finish(std::exchange(listeners_, {}), next, std::move(drained));
}

void ClientListeners::close() { retired_.close(); }

std::vector<Handover::Listener> ClientListeners::sockets() const {
  parts_.control.assert_in_loop();
  std::vector<Handover::Listener> all;
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    all.push_back({current_.listen[i].address, listeners_[i]->sockets()});
  return all;
}

std::size_t ClientListeners::connections() const {
  std::size_t sum = retired_.connections();
  for (const auto& listener : listeners_) sum += listener->connections();
  return sum;
}

}  // namespace entrepot::app
