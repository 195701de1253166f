// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot client-config …`: prints the configuration with which an engine uses the mirror, or
/// writes it into the engine's files, and reports the result of each file and the next step. A
/// second run changes nothing. With `--check`, check_engine(). Returns the exit code: 78 if a file
/// that it may not change was left as it is. Throws the exceptions of replace_file().
int run_client_config(const Command& command, const conf::Config& config);

/// `entrepot client-config … --undo`: takes back what `--write` has written, for whatever mirror.
/// Returns the exit code: 78 if a file was left because it has changed since. Throws the exceptions
/// of replace_file().
int run_client_undo(const Command& command);

}  // namespace entrepot::app
