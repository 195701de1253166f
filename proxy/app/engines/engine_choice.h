// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/command_line.h"
#include "proxy/app/engines/setup/engine_setup.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// The facts about the machine on which the new configuration depends. Only what is written depends
/// on them: the printed configuration may be for another machine.
struct Machine {
  DockerStore store = DockerStore::graphdriver;
  bool store_is_known = false;
  std::vector<std::string> notes;  ///< assumptions
};

/// Looks at the machine of the command. Throws std::runtime_error if a file cannot be read.
Machine look_at_machine(const Command& command);

/// The options that the engine cannot follow, and the alternative; nullopt if it can.
std::optional<std::string> fault_for_engine(const Command& command, const Machine& machine,
                                            const ClientMirror& mirror);

/// The new configuration of the engine. Reads files of the machine, as look_at_machine().
EngineSetup setup_for(const Command& command, const conf::Config& config, const Machine& machine,
                      const ClientMirror& mirror, const MirrorAccess& access);

/// The step after which the engine no longer uses the mirror; empty: none.
std::string reload_step(Engine engine);

}  // namespace entrepot::app
