// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "proxy/app/exit_codes.h"

namespace entrepot::app {
namespace {

constexpr const char* footer =
    "Exit codes: 0 done, 64 wrong usage, 75 try again later, 78 fix the configuration,\n"
    "70 a bug. Without --config the built-in configuration is used: conf/entrepot.json.";

constexpr const char* set_help =
    "Change one key of the configuration; may be given again. Names with dots need no quotes where "
    "they exist already: -s upstreams.docker.io.tags.fresh_for=5m";

void add_configuration(CLI::App& command, Command& result) {
  command.add_option("-c,--config", result.config, "Configuration: JSON with comments")
      ->type_name("FILE");
  command.add_option("-s,--set", result.overrides, set_help)
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

}  // namespace

std::variant<Command, Farewell> parse_command_line(int argc, const char* const* argv) {
  Command result;
  CLI::App app("Entrepot: a pull-through mirror for container registries", "entrepot");
  app.require_subcommand(1);
  app.footer(footer);
  auto* serve = app.add_subcommand("serve", "Run the mirror until SIGTERM");
  auto* check = app.add_subcommand("check", "Load a configuration, tell what is wrong with it");
  auto* version = app.add_subcommand("version", "Print the version");
  add_configuration(*serve, result);
  add_configuration(*check, result);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const bool help = app.exit(error, out, err) == 0;
    return help ? Farewell{exit_ok, out.str()} : Farewell{exit_usage, err.str()};
  }
  if (check->parsed()) result.action = Action::check;
  if (version->parsed()) result.action = Action::version;
  return result;
}

}  // namespace entrepot::app
