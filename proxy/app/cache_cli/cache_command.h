// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot cache …`: asks the process that uses the cache, or opens it where none does, and
/// prints what comes of it: tables for people, JSON with --json. Says on stderr whom it asked. The
/// exit code; 1 where what was asked for is not there, or a check found something. Throws what
/// opening a cache does, std::runtime_error where the process does not answer.
int run_cache_command(const Command& command, const conf::Config& config);

}  // namespace entrepot::app
