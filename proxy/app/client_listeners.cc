// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/client_listeners.h"

#include <utility>

#include "proxy/app/command/component_options.h"

namespace entrepot::app {

std::string with_port(const std::string& address, std::uint16_t port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

ClientListeners::ClientListeners(const conf::Config& config, Threads& threads,
                                 http::Handler& handler, const metrics::Metrics& metrics)
    : control_(threads.control()) {
  std::vector<loop::Loop*> loops;
  for (const auto& loop : threads.serve()) loops.push_back(loop.get());
  using metrics::ClientLimit;
  for (const auto& [address] : config.listen) {
    auto options = server_options(config, address);
    options.readers = &threads.store_pool();
    options.turned_away = metrics.connections_refused();
    options.client_counters = {
        metrics.clients_limited(ClientLimit::connections),
        metrics.clients_limited(ClientLimit::misses), metrics.clients_limited(ClientLimit::heads),
        metrics.clients_limited(ClientLimit::slow), metrics.clients_limited(ClientLimit::idle)};
    options.handler_failures = metrics.job_failures(metrics::JobPool::serve);
    servers_.push_back(std::make_unique<http::Server>(std::move(options), loops, handler));
    addresses_.push_back(with_port(address, servers_.back()->port()));
  }
  // The limit holds for each listener; the gauge is their sum.
  metrics.connections_limit().set(
      static_cast<double>(config.limits.connections * config.listen.size()));
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
