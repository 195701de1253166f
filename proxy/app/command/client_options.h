// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// Adds the options for the certificates and the login of `whom` ("engine"); parsing them sets
/// `access`. Returns them.
std::vector<CLI::Option*> add_access_options(CLI::App& command, AccessOptions& access,
                                             const std::string& whom);

/// Adds the options of `client-config` to its subcommand; parsing it sets `result`.
void add_client_options(CLI::App& client, Command& result);

}  // namespace entrepot::app
