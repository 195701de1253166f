// SPDX-License-Identifier: Apache-2.0
// Whom the configured listeners serve, from their files of users, tokens and keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/json/problems.h"
#include "proxy/registry/admission/listener_rules.h"

namespace entrepot::app {

/// The rules of one listener, and the texts that they were made of.
struct LoadedRules {
  std::shared_ptr<const registry::ListenerRules> rules;
  std::string digest;  ///< equal digests: equal rules
};

/// The access rules and deny lists of all listeners; null without any, and after a problem.
std::shared_ptr<const access::Rules> load_access(const conf::Config& config,
                                                 conf::Problems& problems);

/// The rules of each listener, in the order of `listen`. Reads files of users and tokens; those of
/// which every user of the system could read the hashes are a warning. Blocking.
std::vector<LoadedRules> load_rules(const conf::Config& config, conf::Problems& problems);

}  // namespace entrepot::app
