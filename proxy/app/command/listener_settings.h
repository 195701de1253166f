// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/app/command/admin_settings.h"
#include "proxy/app/command/listener_contexts.h"
#include "proxy/app/command/listener_rules.h"
#include "proxy/http/peer/trusted_proxies.h"

namespace entrepot::app {

/// The content of the files of the configured listeners; each list in the order of `listen`. The
/// admin listener is in none of them.
struct ListenerSettings {
  ListenerContexts contexts;
  std::vector<LoadedRules> rules;
  std::vector<std::shared_ptr<const http::TrustedProxies>> proxies;  ///< null: none are trusted
  std::optional<AdminSettings> admin;  ///< nullopt: there is no admin listener
  std::vector<std::string> warnings;   ///< for the operator, with the path of the key
};

/// The configured listeners: those for clients, then the admin listener.
std::vector<conf::Listener> all_listeners(const conf::Config& config);
/// The files of the certificates, keys and logins of all of them.
std::vector<std::filesystem::path> files_of(const conf::Config& config);

/// Reads the certificates, keys, users and tokens. Adds the keys for tickets that are missing in
/// `tickets`. `fetched`: as load_rules(). Throws conf::ConfigError with a line for each fault.
/// Blocking.
ListenerSettings load_settings(const conf::Config& config, ListenerTickets& tickets,
                               const FetchedKeys& fetched = {});

}  // namespace entrepot::app
