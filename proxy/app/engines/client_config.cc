// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/client_config.h"

#include <sys/stat.h>

#include <iostream>
#include <optional>
#include <string>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/check/check.h"
#include "proxy/app/engines/engine_choice.h"
#include "proxy/app/engines/files/undo.h"
#include "proxy/app/engines/files/write.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

void print(const EngineSetup& setup) {
  for (const auto& file : setup.files) {
    if (setup.comment.empty())
      std::cerr << "entrepot: " << file.path.string() << ":\n";
    else
      std::cout << setup.comment << file.path.string() << "\n";
    if (file.copy_of.empty())
      std::cout << file.content;
    else
      (setup.comment.empty() ? std::cerr : std::cout)
          << setup.comment << "  a copy of " << file.copy_of.string() << "\n";
    std::cout << (setup.files.size() > 1 ? "\n" : "");
  }
}

}  // namespace

int run_client_undo(const Command& command) {
  const bool all = undo_files(command.engine, command.root);
  const auto step = reload_step(command.engine);
  if (!step.empty()) std::cout << "Next: " << step << "\n";
  return all ? exit_ok : exit_config;
}

int run_client_config(const Command& command, const conf::Config& config) {
  const auto mirror = command.mirror ? client_mirror(*command.mirror) : mirror_listening(config);
  if (!mirror) {
    std::cerr << "entrepot: " << no_mirror_listening(config) << "\n";
    return exit_usage;
  }
  const auto& options = command.mirror_access;
  const auto machine = look_at_machine(command);
  auto fault = fault_of_access(options, *mirror);
  if (!fault) fault = fault_for_engine(command, machine, *mirror);
  if (fault) {
    std::cerr << "entrepot: " << *fault << "\n";
    return exit_usage;
  }
  if (command.check)
    return check_engine(command, config, *mirror,
                        machine.store_is_known ? std::optional(machine.store) : std::nullopt);
  const auto access = read_access(options);
  // Engines and their users must be able to read what is made here.
  ::umask(022);
  const auto setup = setup_for(command, config, machine, *mirror, access);
  bool all = true;
  if (command.write)
    all = write_files(setup.files, command.engine, command.root);
  else
    print(setup);
  auto& advice = command.write ? std::cout : std::cerr;
  for (const auto& note : setup.notes)
    advice << "Note: " << note << (note.ends_with('\n') ? "" : "\n");
  for (const auto& step : setup.next) advice << "Next: " << step << "\n";
  return all ? exit_ok : exit_config;
}

}  // namespace entrepot::app
