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
/// restart stay, and so do the upstreams. One that only `next` has is left out, and one that it
/// lacks is that of `now`. `default_upstream` stays if it would name one that is left out. Pure.
conf::Config until_restart(const conf::Config& now, conf::Config next);

/// The keys of `config` that need a restart, with their values. They hold no secrets. Pure.
std::vector<conf::KeyValue> restart_keys(const conf::Config& config);

/// Their differences between a process that has started with `running` and a configuration with
/// `next`. If the admin listener comes or goes, its keys are not named one by one. Pure.
std::vector<conf::Difference> restart_differences(const std::vector<conf::KeyValue>& running,
                                                  const std::vector<conf::KeyValue>& next);

/// The answer of /api/v1/restart-keys: {"keys":[{"key":"threads.serve","value":"4"},…]}. Bytes that
/// are no UTF-8 are replaced.
std::string restart_keys_json(const std::vector<conf::KeyValue>& keys);
/// The reverse; nullopt for a text that is no such answer. Pure.
std::optional<std::vector<conf::KeyValue>> parse_restart_keys(std::string_view json);

}  // namespace entrepot::app
