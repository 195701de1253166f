// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/command_line.h"

namespace entrepot::app {

/// `entrepot client-config … --check`: reads the files of the engine below the root as they are,
/// asks the mirror as the engine would, and prints a line for each registry. Pulls nothing. Returns
/// the exit code: 1 if the engine does not reach the mirror for a registry. `store`: of docker.
int check_engine(const Command& command, const conf::Config& config, const ClientMirror& mirror,
                 std::optional<DockerStore> store);

}  // namespace entrepot::app
