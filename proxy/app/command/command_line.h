// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/app/command/engine.h"
#include "proxy/base/ip_address.h"

namespace entrepot::app {

enum class Action {
  serve,
  check,
  version,
  status,
  cache,  ///< `images`, too
  health,
  usage,
  deny,
  client_config,
  token,
  access,
};
enum class CacheAction { stats, images, list, verify, remove, pins, pin, unpin };
enum class UsageOf { client, repository };
enum class TokenAction { create, list, revoke };

/// The client and the repository of `access explain`.
struct AccessQuestion {
  std::string user;                      ///< of a login; empty: none
  std::string repository;                ///< "docker.io/library/alpine"
  IpAddress address;                     ///< of the client; unknown: not given
  std::optional<uid_t> uid;              ///< of the client of a unix socket
  std::vector<std::string> certificate;  ///< names of the client certificate: "CN=node-1"
  std::vector<std::string> claims;       ///< of its JWT: "azp=ci"; one may have several values
  std::optional<std::string> listen;     ///< the address of one listener; nullopt: all listeners
};

/// The certificates and the login with which an engine reaches the mirror, or a command the admin
/// listener.
struct AccessOptions {
  std::optional<std::filesystem::path> ca;
  std::optional<std::filesystem::path> client_certificate, client_key;  ///< both or none
  std::string user;                                                     ///< empty: none
  std::optional<std::filesystem::path> password_file;                   ///< with `user` only
  std::optional<std::filesystem::path> token_file;  ///< excludes `password_file`
};

/// The parsed command line.
struct Command {
  Action action = Action::serve;
  /// Without the option, /etc/entrepot/entrepot.json if it exists; nullopt: the built-in one.
  std::optional<std::filesystem::path> config;
  std::vector<std::string> overrides;  ///< "key=value", in order

  // Arguments of `check`.
  bool online = false;           ///< tries each endpoint
  bool against_running = false;  ///< asks the running process which keys it cannot change

  /// `serve`: takes the place of the running process.
  bool replace = false;

  // Arguments of `cache`.
  CacheAction cache_action = CacheAction::stats;
  bool json = false;
  bool repair = false;
  bool yes = false;           ///< remove a repository without a question
  std::string sort = "size";  ///< "size", "age", "hits"
  std::string argument;       ///< the object to remove, or the pattern to pin or to list

  // Arguments of `usage`.
  UsageOf usage_by = UsageOf::client;
  int usage_hours = 24;   ///< 1 to 24
  int usage_limit = 100;  ///< 1 to 1000

  // Arguments of `deny`.
  std::optional<std::string> deny_pattern{};  ///< nullopt: list the denials
  bool deny_remove = false;
  std::string deny_reason;

  // Arguments of `health`, `status` and `usage`.
  /// The admin listener: "ADDRESS:PORT", "https://NAME:PORT" or "unix:/path". Empty for
  /// `status` and `usage`: that of the configuration.
  std::string address;

  // Arguments of `cache`, `health`, `status` and `check`.
  AccessOptions admin_access;

  // Arguments of `client-config`.
  Engine engine = Engine::docker;
  bool write = false;
  bool check = false;  ///< ask the mirror as the engine would; excludes `write` and `undo`
  bool undo = false;   ///< take back what `write` wrote; excludes `write` and `mirror`
  std::optional<std::string> mirror;  ///< a URL without fault_of_mirror()
  AccessOptions mirror_access;
  std::optional<DockerStore> store;         ///< of docker only; nullopt: to be found out
  std::optional<RegistryScope> registries;  ///< nullopt: as is usual for the engine
  std::filesystem::path root = "/";         ///< the root of the system whose files are written
  /// Find out whether containerd reads this folder, and nothing else.
  std::optional<std::filesystem::path> check_folder;
  std::filesystem::path containerd_config = "/etc/containerd/config.toml";
  std::optional<std::filesystem::path> report;  ///< for the finding, which is no failure then

  // Arguments of `token`.
  TokenAction token_action = TokenAction::list;
  std::filesystem::path token_file;
  std::string token_name;                               ///< without fault_of_user_name()
  std::optional<std::chrono::milliseconds> token_life;  ///< nullopt: without an end

  AccessQuestion access;
};

/// Text to print before the program ends: the help, or the error of the command line.
struct Farewell {
  int exit_code = 0;  ///< 0: text is for stdout, else for stderr
  std::string text;
};

/// Never throws because of the arguments.
std::variant<Command, Farewell> parse_command_line(int argc, const char* const* argv);

}  // namespace entrepot::app
