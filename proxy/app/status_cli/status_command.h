// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/app/cache_cli/admin_target.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot status`: asks the process that `target` leads to, and prints its state: a screen for
/// people, JSON with --json. The exit code: exit_ok, exit_found if the process is not well,
/// exit_restart if none answers, exit_config if it refuses to tell. Main thread.
int run_status_command(const Command& command, const AdminTarget& target);

}  // namespace entrepot::app
