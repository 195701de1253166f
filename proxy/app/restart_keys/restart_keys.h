// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/differences.h"
#include "conf/key_values.h"

namespace entrepot::app {

/// Whether a change of this key (KeyValue::row) takes effect at the next start only: the column
/// SIGHUP of docs/configuration.md. Pure.
bool needs_restart(std::string_view row);

/// The configuration that a process with `now` has after SIGHUP with `next`: keys that need a
/// restart stay. Pure.
conf::Config until_restart(const conf::Config& now, conf::Config next);

/// The keys of `config` that need a restart, with their values. They hold no secrets. Pure.
std::vector<conf::KeyValue> restart_keys(const conf::Config& config);

/// Their differences between a process that has started with `running` and a configuration with
/// `next`. If the admin listener comes or goes, its keys are not named one by one. Pure.
std::vector<conf::Difference> restart_differences(const std::vector<conf::KeyValue>& running,
                                                  const std::vector<conf::KeyValue>& next);

/// The answer of a process about its restart.
struct RestartState {
  std::vector<conf::KeyValue> keys;
  std::vector<std::string> stale_files;  ///< conf::stale_files()
};

/// The answer of /api/v1/restart-keys: {"keys":[{"key":"threads.serve","value":"4"},…],
/// "stale_files":[…]}. Bytes that are no UTF-8 are replaced.
std::string restart_state_json(const RestartState& state);
/// The reverse; nullopt for a text that is no such answer. Earlier versions tell no files. Pure.
std::optional<RestartState> parse_restart_state(std::string_view json);

/// "…/credentials/hub has changed, and the service may not read it: …": for a line of the log, or
/// of a command.
std::string text_of_stale(const std::string& file);

}  // namespace entrepot::app
