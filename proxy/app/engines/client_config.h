// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot client-config …`: prints what an engine needs in order to use the mirror, or writes it
/// into the engine's files and tells what came of each, and what to do next. Run again, it changes
/// nothing. The exit code; 78 where a file of somebody else's was left as it is. Throws what
/// replace_file() does.
int run_client_config(const Command& command, const conf::Config& config);

}  // namespace entrepot::app
