// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `check --against-running`: asks the process that serves at the admin listener of `config` which
/// keys it cannot change, and prints to `out` a line for each that differs, with both values.
/// Returns exit_config if there is one, and exit_ok otherwise. If the process cannot be asked, a
/// line says why, and the exit code is exit_ok: a reload then does what it can, and logs the rest.
int compare_with_running(const conf::Config& config, const AccessOptions& access,
                         std::ostream& out);

}  // namespace entrepot::app
