// SPDX-License-Identifier: Apache-2.0
// Whom the configured listeners serve, from their files of users, tokens and keys.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "conf/config.h"
#include "conf/json/problems.h"
#include "proxy/admission/listener_rules.h"
#include "proxy/base/network.h"

namespace entrepot::app {

/// The networks of a list of the configuration at `path`, without those that are none.
std::vector<Network> parse_networks(const std::vector<std::string>& texts, const std::string& path,
                                    conf::Problems& problems);

/// The rules of one listener, and the texts that they were made of.
struct LoadedRules {
  std::shared_ptr<const admission::ListenerRules> rules;
  std::string digest;  ///< equal digests: equal rules
};

/// The rules of all listeners.
struct AllRules {
  std::vector<LoadedRules> listen;   ///< in the order of `listen`
  std::optional<LoadedRules> admin;  ///< without access rules and deny lists; absent: no listener
};

/// The access rules, the groups and the deny lists of the configuration, as written.
access::RulesText rules_text(const conf::Config& config);

/// The access rules and deny lists of all listeners; null without any, and after a problem.
std::shared_ptr<const access::Rules> load_access(const conf::Config& config,
                                                 conf::Problems& problems);

/// The source of the keys of an issuer with discovery.
struct KeySource {
  std::string issuer;
  std::filesystem::path ca;          ///< empty: the authorities of the system
  std::filesystem::path token_file;  ///< empty: none
  bool operator<(const KeySource& other) const {
    return std::tie(issuer, ca, token_file) < std::tie(other.issuer, other.ca, other.token_file);
  }
};

/// nullopt without discovery.
std::optional<KeySource> key_source(const conf::JwtIssuer& issuer);

/// The JWK Set of each source that has been fetched.
using FetchedKeys = std::map<KeySource, std::string>;

/// Reads files of users, tokens and keys; those of which every user of the system could read the
/// hashes are a warning. An issuer whose keys are not in `fetched` yet has none. Blocking.
AllRules load_rules(const conf::Config& config, const FetchedKeys& fetched,
                    conf::Problems& problems);

}  // namespace entrepot::app
