// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>

#include "proxy/app/cache_cli/admin_target.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot usage`: asks the process that `target` leads to who pulls how much, and prints a
/// table, or JSON. The exit code as of run_status_command(), but never exit_found. Main thread.
int run_usage_command(const Command& command, const AdminTarget& target);

/// The table, safe for a terminal. Members that are missing or have another type are empty.
void print_usage(std::ostream& out, const nlohmann::ordered_json& answer);

}  // namespace entrepot::app
