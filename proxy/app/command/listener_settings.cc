// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/listener_settings.h"

#include <utility>

#include "conf/grammar.h"
#include "conf/load.h"

namespace entrepot::app {
namespace {

/// nullptr without any, and after problems.
std::shared_ptr<const http::TrustedProxies> load_proxies(const conf::Listener& listener,
                                                         const std::string& path,
                                                         conf::Problems& problems) {
  if (!listener.trusted_proxies) return nullptr;
  auto proxies = std::make_shared<http::TrustedProxies>();
  if (listener.trusted_proxies->x_forwarded_for)
    proxies->protocol = http::ForwardingProtocol::x_forwarded_for;
  proxies->unix_socket = conf::is_unix(listener.address);
  // On a unix socket there is only the word for all its users, which conf::validate() has checked.
  if (!proxies->unix_socket)
    proxies->networks = parse_networks(listener.trusted_proxies->networks,
                                       path + ".trusted_proxies.networks", problems);
  return proxies;
}

}  // namespace

std::vector<conf::Listener> all_listeners(const conf::Config& config) {
  auto all = config.listen;
  if (config.admin) all.push_back(config.admin->listener);
  return all;
}

std::vector<std::filesystem::path> files_of(const conf::Config& config) {
  std::vector<std::filesystem::path> files;
  const auto add = [&](const std::optional<std::filesystem::path>& file) {
    if (file) files.push_back(*file);
  };
  for (const auto& listener : all_listeners(config)) {
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

ListenerSettings load_settings(const conf::Config& config, ListenerTickets& tickets,
                               const FetchedKeys& fetched) {
  conf::Problems problems;
  ListenerSettings settings;
  settings.contexts = load_contexts(config, tickets, problems);
  auto rules = load_rules(config, fetched, problems);
  settings.rules = std::move(rules.listen);
  if (rules.admin) settings.admin = load_admin(config, *rules.admin, tickets, problems);
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    settings.proxies.push_back(
        load_proxies(config.listen[i], conf::indexed("listen", i), problems));
  if (!problems.errors.empty()) throw conf::ConfigError(std::move(problems.errors));
  settings.warnings = std::move(problems.warnings);
  return settings;
}

}  // namespace entrepot::app
