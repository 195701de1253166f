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

ListenerSettings load_settings(const conf::Config& config, ListenerTickets& tickets,
                               const FetchedKeys& fetched) {
  conf::Problems problems;
  ListenerSettings settings;
  settings.contexts = load_contexts(config, tickets, problems);
  settings.rules = load_rules(config, fetched, problems);
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    settings.proxies.push_back(
        load_proxies(config.listen[i], conf::indexed("listen", i), problems));
  if (!problems.errors.empty()) throw conf::ConfigError(std::move(problems.errors));
  settings.warnings = std::move(problems.warnings);
  return settings;
}

}  // namespace entrepot::app
