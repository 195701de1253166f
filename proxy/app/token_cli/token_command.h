// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot token …`: creates, lists and revokes tokens in a file. `create` prints the token on
/// stdout, where it is seen this one time, and everything else on stderr. The file is replaced as a
/// whole; a new one has mode 0600. Returns the exit code: 1 if the named token exists already
/// (create) or does not exist (revoke). Throws the exceptions of replace_file(), and
/// std::runtime_error for a file that has problems.
int run_token_command(const Command& command);

}  // namespace entrepot::app
