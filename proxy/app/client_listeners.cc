// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/client_listeners.h"

#include <algorithm>
#include <utility>

#include "conf/load.h"
#include "metrics/log.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/joined.h"
#include "proxy/http/tls/kernel.h"

namespace entrepot::app {

std::string with_port(const std::string& address, std::uint16_t port) {
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

ClientListeners::ClientListeners(const conf::Config& config, Threads& threads,
                                 http::Handler& handler, const metrics::Metrics& metrics)
    : control_(threads.control()), metrics_(metrics.tls()) {
  const auto loaded = load_contexts(config, tickets_);
  for (const auto& warning : loaded.warnings) log::warn("{}", warning);
  contexts_ = loaded.contexts;
  current_.listen = config.listen;
  std::vector<loop::Loop*> loops;
  for (const auto& loop : threads.serve()) loops.push_back(loop.get());
  using metrics::ClientLimit;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const std::string& address = config.listen[i].address;
    auto options = server_options(config, address);
    options.tls = contexts_[i];
    options.tls_metrics = metrics_;
    options.readers = &threads.store_pool();
    options.turned_away = metrics.connections_refused();
    options.client_counters = {
        metrics.clients_limited(ClientLimit::connections),
        metrics.clients_limited(ClientLimit::misses), metrics.clients_limited(ClientLimit::heads),
        metrics.clients_limited(ClientLimit::slow), metrics.clients_limited(ClientLimit::idle)};
    options.handler_failures = metrics.job_failures(metrics::JobPool::serve);
    servers_.push_back(std::make_unique<http::Server>(std::move(options), loops, handler));
    addresses_.push_back((contexts_[i] ? "https://" : "") +
                         with_port(address, servers_.back()->port()));
    tell(i);
  }
  metrics_.set_certificates(certificate_ends(contexts_));
  if (!tickets_.empty()) tell_of_kernel();
  // The limit holds for each listener; the gauge is their sum.
  metrics.connections_limit().set(
      static_cast<double>(config.limits.connections * config.listen.size()));
}

void ClientListeners::tell(std::size_t index) const {
  if (contexts_[index] == nullptr) return;
  for (const auto& identity : contexts_[index]->identities())
    log::info("{}: certificate {} for {}", addresses_[index], identity.files.certificate.string(),
              http::tls::describe(identity));
}

PreparedListeners ClientListeners::prepare(const conf::Config& next) {
  control_.assert_in_loop();
  auto loaded = load_contexts(next, tickets_);
  PreparedListeners prepared;
  prepared.warnings = std::move(loaded.warnings);
  Contexts contexts = contexts_;
  auto listen = current_.listen;
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    // Two listeners may have the same address if the system chooses their ports.
    const auto same = [&](std::size_t at) {
      return at < next.listen.size() && next.listen[at].address == listen[i].address;
    };
    std::size_t at = i;
    if (!same(at))
      for (at = 0; at < next.listen.size() && !same(at);) ++at;
    if (!same(at) || contexts[i] == nullptr || loaded.contexts[at] == nullptr) continue;
    if (!same_certificates(*contexts[i], *loaded.contexts[at]))
      prepared.changed.push_back(addresses_[i]);
    contexts[i] = loaded.contexts[at];
    listen[i].tls = next.listen[at].tls;
  }
  prepared.use = [this, contexts, listen] { use(contexts, listen); };
  return prepared;
}

void ClientListeners::use(const Contexts& contexts, const std::vector<conf::Listener>& listen) {
  control_.assert_in_loop();
  current_.listen = listen;
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    if (contexts[i] == contexts_[i]) continue;
    const bool same = same_certificates(*contexts[i], *contexts_[i]);
    contexts_[i] = contexts[i];
    servers_[i]->renew(contexts[i]);
    if (!same) tell(i);
  }
  metrics_.set_certificates(certificate_ends(contexts_));
}

void ClientListeners::read_again() {
  control_.assert_in_loop();
  try {
    const auto prepared = prepare(current_);
    if (prepared.changed.empty()) return;
    for (const auto& warning : prepared.warnings) log::warn("{}", warning);
    prepared.use();
    log::info("files have changed: new certificates on {}", joined(prepared.changed));
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines())
      log::error("files have changed: {}; the certificates before stay", line);
  }
}

std::vector<std::filesystem::path> ClientListeners::files() const {
  control_.assert_in_loop();
  std::vector<std::filesystem::path> files;
  for (const auto& listener : current_.listen) {
    if (!listener.tls) continue;
    for (const auto& [certificate, key] : listener.tls->certificates)
      files.insert(files.end(), {certificate, key});
  }
  return files;
}

void ClientListeners::start() {
  for (const auto& server : servers_) server->start();
}

void ClientListeners::drain(const std::function<void()>& drained) {
  control_.assert_in_loop();
  // On the control loop only, which may run the last of these jobs after this object is gone.
  const auto left = std::make_shared<std::size_t>(servers_.size());
  for (const auto& server : servers_) {
    server->drain([left, drained, &control = control_] {
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

std::size_t ClientListeners::connections() const {
  std::size_t sum = 0;
  for (const auto& server : servers_) sum += server->connections();
  return sum;
}

}  // namespace entrepot::app
