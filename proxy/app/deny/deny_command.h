// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot deny …`: lists, adds or removes a denial in the running process, or in the cache
/// directory of a stopped one. `user`: who has called the program. The exit code; 1 if it is
/// refused. Throws as run_cache_command().
int run_deny_command(const Command& command, const conf::Config& config, uid_t user);

}  // namespace entrepot::app
