// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/restart_keys/against_running.h"

#include <chrono>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/app/cache_cli/admin_client.h"
#include "proxy/app/cache_cli/admin_target.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/restart_keys/restart_keys.h"

namespace entrepot::app {
namespace {

/// A process that is asked here serves, and has the answer in memory.
constexpr std::chrono::seconds answer_time{5};

/// The state of the running process. Throws std::runtime_error with the reason why not.
RestartState ask_for_state(const conf::Config& config, const AccessOptions& access) {
  if (!config.admin) throw std::runtime_error("the configuration has no admin listener");
  AdminClient client(target_of(*config.admin, access), answer_time);
  const auto answer = client.ask("GET", "/api/v1/restart-keys");
  if (answer.status == 404)
    throw std::runtime_error("the process on " + config.admin->listener.address +
                             " is of an earlier version, which does not tell them");
  if (answer.status != 200)
    throw std::runtime_error("the admin listener on " + config.admin->listener.address +
                             " answers " + std::to_string(answer.status) + ": " +
                             client.refusal(answer));
  auto state = parse_restart_state(answer.body);
  if (!state)
    throw std::runtime_error("what answers on " + config.admin->listener.address +
                             " is no Entrepot");
  return *std::move(state);
}

}  // namespace

int compare_with_running(const conf::Config& config, const AccessOptions& access,
                         std::ostream& out) {
  RestartState running;
  try {
    running = ask_for_state(config, access);
  } catch (const std::runtime_error& error) {
    out << "not compared with the running process: " << error.what() << '\n';
    return exit_ok;
  }
  const auto found = restart_differences(running.keys, restart_keys(config));
  for (const auto& one : found) out << "needs a restart: " << conf::text_of(one) << '\n';
  for (const auto& file : running.stale_files)
    out << "needs a restart: " << text_of_stale(file) << '\n';
  const bool none = found.empty() && running.stale_files.empty();
  if (none) out << "the running process can take all of it by SIGHUP\n";
  return none ? exit_ok : exit_config;
}

}  // namespace entrepot::app
