// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// Adds the options of `client-config` to its subcommand; parsing it sets `result`.
void add_client_options(CLI::App& client, Command& result);

}  // namespace entrepot::app
