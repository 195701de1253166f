// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/app/command/listener_contexts.h"
#include "proxy/app/command/listener_rules.h"
#include "proxy/http/peer/trusted_proxies.h"

namespace entrepot::app {

/// The content of the files of the configured listeners; each list in the order of `listen`.
struct ListenerSettings {
  ListenerContexts contexts;
  std::vector<LoadedRules> rules;
  std::vector<std::shared_ptr<const http::TrustedProxies>> proxies;  ///< null: none are trusted
  std::vector<std::string> warnings;  ///< for the operator, with the path of the key
};

/// Reads the certificates, keys, users and tokens. Adds the keys for tickets that are missing in
/// `tickets`. `fetched`: as load_rules(). Throws conf::ConfigError with a line for each fault.
/// Blocking.
ListenerSettings load_settings(const conf::Config& config, ListenerTickets& tickets,
                               const FetchedKeys& fetched = {});

}  // namespace entrepot::app
