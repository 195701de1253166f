// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/client_listeners.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "conf/load.h"
#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/joined.h"
#include "proxy/http/tls/kernel.h"

namespace entrepot::app {

std::string with_port(const std::string& address, std::uint16_t port) {
  if (port == 0) return address;  // of a unix socket
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

namespace {

void tell_of_kernel() {
  if (http::tls::kernel_has_tls())
    log::info("TLS: the kernel may encrypt replies (entrepot_tls_kernel_connections_total)");
  else
    log::info("TLS: the process encrypts replies; the kernel has no module tls");
}

}  // namespace

ClientListeners::ClientListeners(const conf::Config& config, InheritedSockets& inherited,
                                 Threads& threads, registry::Registry& registry,
                                 registry::Logins& logins, const metrics::Metrics& metrics)
    : control_(threads.control()),
      metrics_(metrics.tls()),
      shares_(share_limits(config)),
      issuer_keys_(control_, threads.keys_pool(), metrics, [this] { read_again(); }),
      settings_(load_settings(config, tickets_)),
      current_(config) {
  conf::forget_passwords(current_);
  issuer_keys_.use(current_.listen);
  logins.on_missing_key(issuer_keys_.asker());
  for (const auto& warning : settings_.warnings) log::warn("{}", warning);
  std::vector<loop::Loop*> loops;
  for (const auto& loop : threads.serve()) loops.push_back(loop.get());
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    guards_.push_back(std::make_unique<registry::Guard>(registry, logins, metrics,
                                                        settings_.rules[i].rules, loops));
    servers_.push_back(std::make_unique<http::Server>(
        options(i, config, inherited, threads, metrics), loops, *guards_[i]));
    addresses_.push_back((settings_.contexts[i] ? "https://" : "") +
                         with_port(config.listen[i].address, servers_.back()->port()));
    tell(i);
  }
  metrics_.set_certificates(certificate_ends(settings_.contexts));
  if (!tickets_.empty()) tell_of_kernel();
  // The limit holds for each listener; the gauge is their sum.
  metrics.connections_limit().set(
      static_cast<double>(config.limits.connections * config.listen.size()));
}

http::ServerOptions ClientListeners::options(std::size_t index, const conf::Config& config,
                                             InheritedSockets& inherited, Threads& threads,
                                             const metrics::Metrics& metrics) {
  using metrics::ClientLimit;
  auto options = server_options(config, config.listen[index].address);
  options.socket_mode = config.listen[index].mode;
  options.inherited = inherited.take(config.listen[index].address);
  options.tls = settings_.contexts[index];
  options.tls_metrics = metrics_;
  options.readers = &threads.store_pool();
  options.turned_away = metrics.connections_refused();
  options.shares = &shares_;
  options.client_counters =
      http::ClientCounters{.connections = metrics.clients_limited(ClientLimit::connections),
                           .requests = metrics.clients_limited(ClientLimit::requests),
                           .misses = metrics.clients_limited(ClientLimit::misses),
                           .heads = metrics.clients_limited(ClientLimit::heads),
                           .bandwidth = metrics.clients_limited(ClientLimit::bandwidth),
                           .slow = metrics.clients_limited(ClientLimit::slow),
                           .idle = metrics.clients_limited(ClientLimit::idle)};
  options.handler_failures = metrics.job_failures(metrics::JobPool::serve);
  return options;
}

void ClientListeners::tell(std::size_t index) const {
  if (settings_.contexts[index] == nullptr) return;
  for (const auto& identity : settings_.contexts[index]->identities())
    log::info("{}: certificate {} for {}", addresses_[index], identity.files.certificate.string(),
              http::tls::describe(identity));
  if (const auto* ca = settings_.contexts[index]->client_ca())
    log::info("{}: client certificates of {} are {}", addresses_[index], ca->file().string(),
              ca->required() ? "required" : "accepted");
}

std::optional<std::size_t> ClientListeners::successor(std::size_t index,
                                                      const conf::Config& next) const {
  // Two listeners may have the same address if the system chooses their ports.
  const auto& now = current_.listen[index];
  const auto same = [&](std::size_t at) {
    return at < next.listen.size() && next.listen[at].address == now.address;
  };
  std::size_t at = index;
  if (!same(at))
    for (at = 0; at < next.listen.size() && !same(at);) ++at;
  if (!same(at) || next.listen[at].tls.has_value() != now.tls.has_value()) return std::nullopt;
  return at;
}

PreparedListeners ClientListeners::prepare(const conf::Config& next) {
  control_.assert_in_loop();
  // A listener that the new configuration lacks runs on, and keeps its settings.
  conf::Config config = next;
  conf::forget_passwords(config);
  config.listen = current_.listen;
  std::vector<std::optional<std::size_t>> successors;
  for (std::size_t i = 0; i < current_.listen.size(); ++i) {
    successors.push_back(successor(i, next));
    if (successors[i]) config.listen[i] = next.listen[*successors[i]];
  }
  auto loaded = load_settings(config, tickets_, issuer_keys_.keys());
  PreparedListeners prepared;
  prepared.warnings = std::move(loaded.warnings);
  for (std::size_t i = 0; i < successors.size(); ++i) {
    const auto& before = settings_.contexts[i];
    if (before != nullptr && !same_certificates(*before, *loaded.contexts[i]))
      prepared.certificates.push_back(addresses_[i]);
    if (settings_.rules[i].digest != loaded.rules[i].digest)
      prepared.rules.push_back(addresses_[i]);
  }
  prepared.use = [this, loaded, config] { use(loaded, config); };
  return prepared;
}

void ClientListeners::use(const ListenerSettings& settings, const conf::Config& config) {
  control_.assert_in_loop();
  const auto before = std::exchange(settings_, settings);
  current_ = config;
  issuer_keys_.use(current_.listen);
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    guards_[i]->replace(settings_.rules[i].rules);
    if (settings_.contexts[i] == nullptr) continue;
    servers_[i]->renew(settings_.contexts[i]);
    if (!same_certificates(*settings_.contexts[i], *before.contexts[i])) tell(i);
  }
  metrics_.set_certificates(certificate_ends(settings_.contexts));
}

void ClientListeners::read_again() {
  control_.assert_in_loop();
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

std::vector<std::filesystem::path> ClientListeners::files() const {
  control_.assert_in_loop();
  std::vector<std::filesystem::path> files;
  const auto add = [&](const std::optional<std::filesystem::path>& file) {
    if (file) files.push_back(*file);
  };
  for (const auto& listener : current_.listen) {
    if (listener.tls) {
      for (const auto& [certificate, key] : listener.tls->certificates)
        files.insert(files.end(), {certificate, key});
      add(listener.tls->client_ca);
    }
    if (listener.auth) {
      add(listener.auth->htpasswd);
      add(listener.auth->tokens);
      for (const auto& issuer : listener.auth->jwt) add(issuer.keys);
    }
  }
  return files;
}

void ClientListeners::watch_files() {
  const auto watched = files();
  if (watched.empty()) return;
  const bool first = file_watch_ == nullptr;
  if (first) file_watch_ = std::make_unique<loop::FileWatch>(control_, [this] { read_again(); });
  file_watch_->watch(watched);
  // They may have changed since they were read for the start.
  if (first) read_again();
}

void ClientListeners::start() {
  for (const auto& server : servers_) server->start();
}

void ClientListeners::drain(http::Next next, const std::function<void()>& drained) {
  control_.assert_in_loop();
  file_watch_.reset();
  // On the control loop only, which may run the last of these jobs after this object is gone.
  const auto left = std::make_shared<std::size_t>(servers_.size());
  for (const auto& server : servers_) {
    server->drain(next, [left, drained, &control = control_] {
      control.post([left, drained] {
        if (--*left == 0) drained();
      });
    });
  }
}

void ClientListeners::close() {
  control_.assert_in_loop();
  for (const auto& server : servers_) server->close();
}

std::vector<Handover::Listener> ClientListeners::sockets() const {
  control_.assert_in_loop();
  std::vector<Handover::Listener> all;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    all.push_back({current_.listen[i].address, servers_[i]->sockets()});
  return all;
}

std::size_t ClientListeners::connections() const {
  std::size_t sum = 0;
  for (const auto& server : servers_) sum += server->connections();
  return sum;
}

}  // namespace entrepot::app
