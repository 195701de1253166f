// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot access explain`: prints the way to the decision on stdout (explanation.h). Asks no
/// process; reads no files of users, tokens and keys. Returns the exit code: exit_found if the
/// client is refused; exit_usage, with a line on stderr, for a repository of no configured upstream
/// and for an address on which the configuration does not listen. Throws conf::ConfigError for
/// rules with faults, and the exceptions of registry::UpstreamTable.
int run_access_command(const Command& command, const conf::Config& config);

}  // namespace entrepot::app
