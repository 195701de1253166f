// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// Does what a command asks for; gives the exit code (exit_codes.h). Failures are told on stderr in
/// one line each. Main thread.
int run(const Command& command);

}  // namespace entrepot::app
