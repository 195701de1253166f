// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace entrepot::app {

enum class Action { serve, check, version, cache, health, client_config };
enum class CacheAction { stats, list, verify, remove, pins, pin, unpin };
enum class Engine { docker, containerd, podman };

/// What the command line asks for.
struct Command {
  Action action = Action::serve;
  std::optional<std::filesystem::path> config;
  std::vector<std::string> overrides;  ///< "key=value", in order

  // Of `cache`.
  CacheAction cache_action = CacheAction::stats;
  bool json = false;
  bool repair = false;
  std::string sort = "size";  ///< "size", "age", "hits"
  std::string argument;       ///< what to remove, or the pattern to pin

  // Of `health`.
  std::string address = "127.0.0.1:5080";  ///< of the admin listener

  // Of `client-config`.
  Engine engine = Engine::docker;
  std::optional<std::string> mirror;  ///< a URL that client_mirror() takes
  bool write = false;
  std::filesystem::path root = "/";  ///< of the system whose files are meant
};

/// The command line asked for help, or was not understood: say this and end.
struct Farewell {
  int exit_code = 0;  ///< 0: text is for stdout, else for stderr
  std::string text;
};

/// Never throws for what a user can type.
std::variant<Command, Farewell> parse_command_line(int argc, const char* const* argv);

}  // namespace entrepot::app
