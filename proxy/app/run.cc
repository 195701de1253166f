// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/run.h"

#include <unistd.h>

#include <chrono>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cache/api/options.h"
#include "cache/base/open_error.h"
#include "cache/space/room.h"
#include "conf/load.h"
#include "metrics/log.h"
#include "metrics/printable.h"
#include "metrics/version.h"
#include "proxy/app/access_cli/access_command.h"
#include "proxy/app/cache_cli/admin_client.h"
#include "proxy/app/cache_cli/cache_command.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/command/listener_settings.h"
#include "proxy/app/command/service_user.h"
#include "proxy/app/deny/deny_command.h"
#include "proxy/app/engines/check/containerd_folder.h"
#include "proxy/app/engines/client_config.h"
#include "proxy/app/handover/bound_ports.h"
#include "proxy/app/handover/predecessor.h"
#include "proxy/app/handover/successor.h"
#include "proxy/app/mirror.h"
#include "proxy/app/online_check/online_check.h"
#include "proxy/app/process.h"
#include "proxy/app/restart_keys/against_running.h"
#include "proxy/app/status_cli/status_command.h"
#include "proxy/app/token_cli/token_command.h"
#include "proxy/app/usage/usage_command.h"
#include "proxy/loop/signals.h"
#include "proxy/loop/thread.h"
#include "proxy/registry/request/upstream_table.h"

namespace entrepot::app {
namespace {

/// Shorter than the 10 s that container engines allow for a health check by default.
constexpr std::chrono::seconds health_patience{5};

/// Reports the current exception in one line by `tell` and returns its exit code: exit_restart for
/// a cause that may end by itself, such as an instance that still drains.
template <typename Tell>
int exit_code_of_failure(Tell tell) {
  try {
    throw;
  } catch (const conf::ConfigError& error) {
    for (const auto& line : error.lines()) tell(line);
    return exit_config;
  } catch (const cache::OpenLaterError& error) {
    tell(error.what());
    return exit_restart;
  } catch (const http::ListenError& error) {
    tell(error.what());
    return exit_restart;
  } catch (const ReplaceError& error) {
    tell(error.what());
    return exit_restart;
  } catch (const std::system_error& error) {
    tell(error.what());
    return exit_restart;
  } catch (const std::runtime_error& error) {  // cache::OpenError, an upstream that cannot be used
    tell(error.what());
    return exit_config;
  } catch (const std::invalid_argument& error) {  // upstreams that contradict each other
    tell(error.what());
    return exit_config;
  } catch (const std::exception& error) {
    tell(std::string("bug: ") + error.what() + "; please report it");
    return exit_bug;
  }
}

void tell_operator(std::string_view line) {
  std::cerr << log::error_prefix() << "entrepot: " << line << '\n';
}

/// Makes the checks of serve() that need no resources of the machine. Returns the warnings about
/// the listeners.
std::vector<std::string> verify(const conf::Config& config) {
  const metrics::Metrics metrics(metric_labels(config));
  const registry::UpstreamTable names(registry_options(config), metrics);
  loop::Loop loop("check");
  const upstream::UpstreamSource upstreams(loop, upstream_options(config), metrics);
  ListenerTickets tickets;
  return load_settings(config, tickets).warnings;
}

/// Gets sockets and cache from the running process. The faults of this configuration are found
/// before that one gives anything up.
std::optional<Predecessor> take_over(const conf::Config& config, InheritedSockets& sockets) {
  verify(config);
  auto before = Predecessor::find(config.cache.directory);
  if (!before) {
    log::info("no process to replace: none listens for it in {}", config.cache.directory.string());
    return before;
  }
  sockets = before->sockets();
  bind_new_ports(config, sockets);
  before->release_cache();
  return before;
}

/// The exit code.
int serve_until_stopped(conf::Loaded& loaded, const Command& command,
                        const NotifierOptions& notify) {
  for (const auto& warning : loaded.warnings) log::warn("{}", warning);
  prepare_process();
  loop::require_threads(threads_of(loaded.config));
  auto sockets = sockets_of_manager(loaded.config);
  std::optional<Predecessor> before;
  if (command.replace) before = take_over(loaded.config, sockets);
  const metrics::Metrics metrics(metric_labels(loaded.config));
  Mirror mirror(
      loaded.config, metrics, [&command] { return conf::load(command.config, command.overrides); },
      notify, std::move(sockets));
  conf::forget_passwords(loaded.config);
  std::function<void()> accepting;
  if (before) accepting = [&before] { before->serving(); };
  const bool restart = mirror.run(accepting);
  return restart ? exit_restart : exit_ok;
}

int serve(const Command& command) {
  loop::block_signals();
  remember_program();
  const auto notify = notifier_options();
  auto loaded = conf::load(command.config, command.overrides);
  log::start(log_options(loaded.config));
  int code = exit_ok;
  try {
    code = serve_until_stopped(loaded, command, notify);
    log::info("stopped");
  } catch (...) {
    code = exit_code_of_failure([](std::string_view line) { log::error("{}", line); });
  }
  log::stop();
  return code;
}

/// Throws conf::ConfigError if the service cannot read what root can.
void check_for_service(const Command& command, const conf::Config& config) {
  if (!command.config) return;
  const auto read = [&command] {
    auto again = conf::load(command.config, command.overrides);
    conf::forget_passwords(again.config);
  };
  std::vector<std::string> faults;
  try {
    faults =
        faults_for_service(config.cache.directory, command.config->parent_path() / "credentials",
                           {read, [&config] { verify(config); }});
  } catch (const std::system_error& error) {
    // A container without these capabilities says nothing about the configuration.
    return tell_operator(std::string("not checked: whether the user of the service, who owns "
                                     "cache.directory, can read the files of the configuration: ") +
                         error.what());
  }
  if (!faults.empty()) throw conf::ConfigError(faults);
}

int check(const Command& command) {
  const auto loaded = conf::load(command.config, command.overrides);
  const auto warnings = verify(loaded.config);
  check_for_service(command, loaded.config);
  for (const auto& warning : loaded.warnings) tell_operator(warning);
  for (const auto& warning : warnings) tell_operator(warning);
  if (const auto fault = cache::fault_of_room(cache_options(loaded.config))) tell_operator(*fault);
  std::cout << (command.config ? command.config->string() : "the built-in configuration")
            << ": good\n";
  if (command.against_running) {
    const int code = compare_with_running(loaded.config, command.admin_access, std::cout);
    if (code != exit_ok) return code;
  }
  return command.online ? run_online_check(loaded.config, std::cout) : exit_ok;
}

int work_on_cache(const Command& command) {
  auto loaded = conf::load(command.config, command.overrides);
  conf::forget_passwords(loaded.config);
  const auto user = ::getuid();
  become_owner_of(loaded.config.cache.directory);
  log::start({.level = "warn", .json = false});
  try {
    loop::require_threads(threads_of_the_index);
    const int code = command.action == Action::deny ? run_deny_command(command, loaded.config, user)
                                                    : run_cache_command(command, loaded.config);
    log::stop();
    return code;
  } catch (...) {
    log::stop();
    throw;
  }
}

/// Reads no configuration: a file that became invalid after the start says nothing about the
/// running process, which the caller may end because of the answer.
int health(const Command& command) {
  try {
    AdminClient client(target_at(command.address, command.admin_access), health_patience);
    const auto answer = client.ask("GET", "/healthz");
    if (answer.status == 200) {
      std::cout << printable(answer.body.substr(0, answer.body.find('\n'))) << '\n';
      return exit_ok;
    }
    tell_operator("the admin listener answers " + std::to_string(answer.status) + ": " +
                  client.refusal(answer));
  } catch (const std::runtime_error& error) {
    tell_operator(error.what());
  }
  return exit_found;
}

/// With an address it reads no configuration, as health().
int show_status(const Command& command) {
  const auto show = command.action == Action::usage ? run_usage_command : run_status_command;
  if (!command.address.empty())
    return show(command, target_at(command.address, command.admin_access));
  auto loaded = conf::load(command.config, command.overrides);
  conf::forget_passwords(loaded.config);
  if (!loaded.config.admin)
    throw std::runtime_error(
        "the configuration has no admin listener (\"admin\": null), so the process cannot be "
        "asked");
  return show(command, target_of(*loaded.config.admin, command.admin_access));
}

int configure_client(const Command& command) {
  // A broken configuration does not keep engines from leaving the mirror.
  if (command.undo) return run_client_undo(command);
  if (command.check_folder) return check_folder(command);
  auto loaded = conf::load(command.config, command.overrides);
  conf::forget_passwords(loaded.config);
  return run_client_config(command, loaded.config);
}

int explain_access(const Command& command) {
  auto loaded = conf::load(command.config, command.overrides);
  conf::forget_passwords(loaded.config);
  return run_access_command(command, loaded.config);
}

}  // namespace

int run(const Command& command) {
  try {
    switch (command.action) {
      case Action::serve:
        return serve(command);
      case Action::check:
        return check(command);
      case Action::cache:
      case Action::deny:
        return work_on_cache(command);
      case Action::status:
      case Action::usage:
        return show_status(command);
      case Action::health:
        return health(command);
      case Action::client_config:
        return configure_client(command);
      case Action::token:
        return run_token_command(command);
      case Action::access:
        return explain_access(command);
      case Action::version:
        std::cout << version_text() << '\n';
        return exit_ok;
    }
    return exit_bug;
  } catch (...) {
    return exit_code_of_failure(tell_operator);
  }
}

}  // namespace entrepot::app
