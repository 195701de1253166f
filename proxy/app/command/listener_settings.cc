// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/listener_settings.h"

#include <utility>

#include "conf/load.h"

namespace entrepot::app {

ListenerSettings load_settings(const conf::Config& config, ListenerTickets& tickets,
                               const FetchedKeys& fetched) {
  conf::Problems problems;
  ListenerSettings settings;
  settings.contexts = load_contexts(config, tickets, problems);
  settings.rules = load_rules(config, fetched, problems);
  if (!problems.errors.empty()) throw conf::ConfigError(std::move(problems.errors));
  settings.warnings = std::move(problems.warnings);
  return settings;
}

}  // namespace entrepot::app
